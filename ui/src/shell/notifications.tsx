// What the server wants people to know: a failed reload, say.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError, notifications, notificationsUrl, unready, type Notification } from "../api";
import { formatTime } from "../shared/duration";
import { useLocalTime } from "../shared/settings";

const POLL_MS = 10_000;

/** The list after one more event: each text at most once, ended ones gone. */
export function merge(list: Notification[], event: Notification): Notification[] {
  const others = list.filter((n) => n.text !== event.text);
  return event.active ? [...others, event] : others;
}

export function NotificationBanner() {
  const list = useSignal<Notification[]>([]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let source: EventSource | undefined;
    const poll = () =>
      notifications()
        .then((answer) => {
          list.value = answer.data ?? [];
          timer = setTimeout(poll, POLL_MS);
        })
        .catch((error) => {
          // A server without notifications is not asked again.
          if (!(error instanceof ApiError && error.type === "missing")) timer = setTimeout(poll, POLL_MS);
        });
    const listen = () => {
      source = new EventSource(notificationsUrl);
      source.onmessage = (event) => (list.value = merge(list.value, JSON.parse(event.data) as Notification));
      source.onerror = () => {
        // Too many listeners (204) or gone: asking now and then does as well.
        source?.close();
        void poll();
      };
    };
    notifications()
      .then((answer) => {
        list.value = answer.data ?? [];
        listen();
      })
      .catch(() => {});
    return () => {
      clearTimeout(timer);
      source?.close();
    };
  }, [unready.value]);

  return (
    <>
      {list.value.map((n) => (
        <div class="note warning banner" role="status">
          {n.text} <span class="at">since {formatTime(Date.parse(n.date), useLocalTime.value)}</span>
        </div>
      ))}
    </>
  );
}
