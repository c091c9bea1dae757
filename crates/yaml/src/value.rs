//! What is printed.

/// A value to print. Structures choose which fields they list and in which order.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer; the range is that of `i64` and `u64` together.
    Int(i128),
    /// A number.
    Float(f64),
    /// A text, quoted where needed.
    Text(String),
    /// A sequence, one element per line.
    Sequence(Vec<Value>),
    /// A sequence in brackets, on one line.
    FlowSequence(Vec<Value>),
    /// Entries in the order given.
    Mapping(Vec<(String, Value)>),
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Value {
        Value::Int(value.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Float(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Value {
        Value::Sequence(values.into_iter().map(Into::into).collect())
    }
}

impl Value {
    /// Whether go-yaml's `omitempty` leaves it out: null, false, 0, empty.
    pub fn is_zero(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Bool(value) => !value,
            Value::Int(value) => *value == 0,
            Value::Float(value) => *value == 0.0,
            Value::Text(text) => text.is_empty(),
            Value::Sequence(values) | Value::FlowSequence(values) => values.is_empty(),
            Value::Mapping(entries) => entries.is_empty(),
        }
    }
}
