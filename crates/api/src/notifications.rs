//! What everybody who looks at the server should know now.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

/// The database is not open yet.
pub const STARTING: &str = "Prometheus is starting and replaying the write-ahead log (WAL).";
/// The last reload failed; the old configuration stays in force.
pub const RELOAD_FAILED: &str = "Configuration reload has failed.";
/// The server ends.
pub const STOPPING: &str = "Prometheus is shutting down and gracefully stopping all operations.";

/// How many may follow the changes at a time; upstream's default.
const SUBSCRIBERS_MAX: usize = 16;
/// Changes that wait for one who follows them slowly; more are lost to them.
const PENDING_MAX: usize = 16;

/// One notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// What it says.
    pub text: String,
    /// When it was last made, in nanoseconds since the epoch.
    pub date_ns: i64,
    /// `false` in the message that ends it.
    pub active: bool,
}

/// The notifications that are active, and who follows their changes. Clones
/// share them.
#[derive(Clone, Debug, Default)]
pub struct Notifications(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    active: Vec<Notification>,
    subscribers: Vec<mpsc::Sender<Notification>>,
    is_closed: bool,
}

impl Notifications {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a notification, or renews the date of the one that says the same.
    pub fn add(&self, text: &str, date_ns: i64) {
        let mut state = self.lock();
        let notification = Notification { text: text.to_owned(), date_ns, active: true };
        match state.active.iter_mut().find(|known| known.text == text) {
            Some(known) => *known = notification.clone(),
            None => state.active.push(notification.clone()),
        }
        state.tell(&notification);
    }

    /// Ends the notification that says this, if there is one.
    pub fn remove(&self, text: &str) {
        let mut state = self.lock();
        if let Some(at) = state.active.iter().position(|known| known.text == text) {
            let ended = Notification { active: false, ..state.active.remove(at) };
            state.tell(&ended);
        }
    }

    /// Those that are active, oldest first.
    pub fn active(&self) -> Vec<Notification> {
        self.lock().active.clone()
    }

    /// Ends all followers' streams, those to come too, so that they do not hold
    /// up the server's end.
    pub fn close(&self) {
        let mut state = self.lock();
        state.subscribers.clear();
        state.is_closed = true;
    }

    /// Those that are active, then every change; `None` when too many follow already.
    pub(crate) fn subscribe(&self) -> Option<(Vec<Notification>, mpsc::Receiver<Notification>)> {
        let mut state = self.lock();
        state.subscribers.retain(|subscriber| !subscriber.is_closed());
        if state.subscribers.len() >= SUBSCRIBERS_MAX {
            return None;
        }
        let (sender, receiver) = mpsc::channel(PENDING_MAX);
        if !state.is_closed {
            state.subscribers.push(sender);
        }
        Some((state.active.clone(), receiver))
    }
}

impl State {
    fn tell(&mut self, notification: &Notification) {
        self.subscribers.retain(|subscriber| match subscriber.try_send(notification.clone()) {
            Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeating_one_renews_its_date() {
        let notifications = Notifications::default();
        notifications.add(RELOAD_FAILED, 1);
        notifications.add(STARTING, 2);
        notifications.add(RELOAD_FAILED, 3);
        let dates = |all: Vec<Notification>| all.into_iter().map(|n| (n.text, n.date_ns)).collect::<Vec<_>>();
        assert_eq!(dates(notifications.active()), [(RELOAD_FAILED.to_owned(), 3), (STARTING.to_owned(), 2)]);
        notifications.remove(RELOAD_FAILED);
        notifications.remove("never made");
        assert_eq!(dates(notifications.active()), [(STARTING.to_owned(), 2)]);
    }

    #[test]
    fn followers_hear_of_changes_and_are_few() {
        let notifications = Notifications::default();
        notifications.add(STARTING, 1);
        let (now, mut changes) = notifications.subscribe().unwrap();
        assert_eq!(now.len(), 1);
        notifications.remove(STARTING);
        let ended = changes.try_recv().unwrap();
        assert_eq!((ended.text.as_str(), ended.active), (STARTING, false));
        let others: Vec<_> = (1..SUBSCRIBERS_MAX).map(|_| notifications.subscribe().unwrap()).collect();
        assert!(notifications.subscribe().is_none());
        drop(others);
        assert!(notifications.subscribe().is_some());
        notifications.close();
        assert!(matches!(changes.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
        let (_, mut late) = notifications.subscribe().unwrap();
        assert!(matches!(late.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
    }
}
