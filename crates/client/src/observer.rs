//! What can be observed into: histograms, summaries, and functions.

use std::time::{Duration, Instant};

use crate::error::CardinalityError;
use crate::vector::MetricVec;
use crate::{Gauge, Histogram, Summary};

/// Takes observations.
pub trait Observer: Send + Sync {
    /// Takes one.
    fn observe(&self, value: f64);
}

impl Observer for Histogram {
    fn observe(&self, value: f64) {
        Histogram::observe(self, value);
    }
}

impl Observer for Summary {
    fn observe(&self, value: f64) {
        Summary::observe(self, value);
    }
}

/// Shows the last observation.
impl Observer for Gauge {
    fn observe(&self, value: f64) {
        self.set(value);
    }
}

/// Gives observations to a function.
#[derive(Clone, Copy, Debug)]
pub struct FnObserver<F>(pub F);

impl<F: Fn(f64) + Send + Sync> Observer for FnObserver<F> {
    fn observe(&self, value: f64) {
        (self.0)(value);
    }
}

/// A vector of observers.
pub trait ObserverVec: Send + Sync {
    /// The labels that values are given for.
    fn labels(&self) -> Vec<String>;

    /// Gives `value` to the child with these label values.
    ///
    /// # Errors
    /// When the number of values is not that of the labels.
    fn observe_into(&self, label_values: &[&str], value: f64) -> Result<(), CardinalityError>;
}

macro_rules! observer_vec {
    ($kind:ty) => {
        impl ObserverVec for MetricVec<$kind> {
            fn labels(&self) -> Vec<String> {
                self.free_labels().into_iter().map(str::to_owned).collect()
            }

            fn observe_into(&self, label_values: &[&str], value: f64) -> Result<(), CardinalityError> {
                self.try_with(label_values).map(|child| child.observe(value))
            }
        }
    };
}

observer_vec!(Histogram);
observer_vec!(Summary);

/// Observes the seconds since it was made, each time it is asked to.
#[derive(Debug)]
pub struct Timer<O> {
    observer: O,
    start: Instant,
}

impl<O: Observer> Timer<O> {
    /// Starts now.
    pub fn new(observer: O) -> Timer<O> {
        Timer { observer, start: Instant::now() }
    }

    /// Observes the seconds until now and says how long that was.
    pub fn observe_duration(&self) -> Duration {
        let elapsed = self.start.elapsed();
        self.observer.observe(elapsed.as_secs_f64());
        elapsed
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_timer_observes_into_anything() {
        let seen = Mutex::new(Vec::new());
        let timer = Timer::new(FnObserver(|value| seen.lock().unwrap().push(value)));
        let (first, second) = (timer.observe_duration(), timer.observe_duration());
        assert!(first <= second);
        assert_eq!(*seen.lock().unwrap(), [first.as_secs_f64(), second.as_secs_f64()]);
        let gauge = Gauge::new();
        Timer::new(gauge.clone()).observe_duration();
        assert!(gauge.get() > 0.0);
    }
}
