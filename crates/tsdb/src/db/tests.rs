//! Tests of the database as its users see it.
