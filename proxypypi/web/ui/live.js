// Has the page follow what the server does: what has changed takes its old place.
(() => {
  const live = document.getElementById("live");
  let events = null;

  const replace = ({ data }) => {
    const fresh = document.createElement("template");
    fresh.innerHTML = data;
    for (const element of [...fresh.content.children]) {
      const old = document.getElementById(element.id);
      if (old && old.outerHTML !== element.outerHTML) old.replaceWith(element);
    }
    live.hidden = false;
  };

  const leave = () => {
    live.hidden = true;
    if (events) events.close();
    events = null;
  };

  const listen = () => {
    if (events || document.hidden) return;
    const opened = (events = new EventSource("-/events?format=html"));
    opened.addEventListener("page", replace);
    opened.onerror = () => {
      live.hidden = true;
      // Refused, the browser would leave it at that.
      if (opened.readyState === EventSource.CLOSED && opened === events) {
        events = null;
        setTimeout(listen, 5000);
      }
    };
  };

  // Nobody looks at a hidden page, and there is room for so many listeners.
  document.addEventListener("visibilitychange", () =>
    document.hidden ? leave() : listen());
  listen();
})();
