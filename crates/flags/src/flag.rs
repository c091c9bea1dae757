//! One flag, as data.

/// What a flag's value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On or off: `--name`, `--no-name`.
    Switch,
    /// Any text.
    Text,
    /// Any text, any number of times.
    List,
    /// One of these words.
    Enum(&'static [&'static str]),
    /// A Prometheus duration: `1h30m`.
    Duration,
    /// A size with unit: `512MB`.
    Size,
    /// A whole number; `5e7` is one too.
    Int,
    /// A number.
    Float,
}

/// How much of a flag of upstream's this build has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It works.
    Full,
    /// It is accepted and changes nothing, because what it tunes works otherwise here.
    NoEffect,
    /// Using it is an error: it asks for something this build does not have yet.
    Missing,
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Its name without the dashes.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// Its value when not given; `""` for none, `true`/`false` for switches.
    pub default: &'static str,
    /// What `--help` says. Plain sentences, the unit and the default's meaning included.
    pub help: &'static str,
    /// Whether `--help` leaves it out.
    pub hidden: bool,
    /// How much of it works.
    pub support: Support,
}

impl Flag {
    /// A flag that works and is shown.
    pub const fn new(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Flag {
        Flag { name, kind, default, help, hidden: false, support: Support::Full }
    }

    /// The same, left out of `--help`.
    #[must_use]
    pub const fn hidden(self) -> Flag {
        Flag { hidden: true, ..self }
    }

    /// A flag that is accepted and changes nothing.
    pub const fn no_effect(name: &'static str, kind: Kind, default: &'static str) -> Flag {
        let help = "Accepted for compatibility; changes nothing here.";
        Flag { name, kind, default, help, hidden: true, support: Support::NoEffect }
    }

    /// A flag whose use is refused.
    pub const fn missing(name: &'static str, kind: Kind, default: &'static str) -> Flag {
        Flag { name, kind, default, help: "Not available in this build yet.", hidden: true, support: Support::Missing }
    }
}
