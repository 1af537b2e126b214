// Asks /status.json every three seconds; when the service has taken a new picture, the page itself is fetched and its
// main part replaced, so that the server's renderer is the only one.
"use strict";
(() => {
  const EVERY = 3000;
  let known = null;

  function said(text, lost) {
    const live = document.getElementById("live");
    if (!live) return;
    live.textContent = text;
    live.classList.toggle("lost", lost);
  }

  // the figures are read every 15 seconds, so a look may show what was read before: its age says so
  function aged(seconds) {
    const age = document.getElementById("age");
    if (!age || seconds === null || seconds === undefined) return;
    age.textContent = seconds < 120 ? `${Math.round(seconds)} s ago` : `${Math.round(seconds / 60)} min ago`;
    age.classList.toggle("lost", seconds > 60);
  }

  async function renew() {
    const answer = await fetch("/", { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
    document.title = fresh.title;
  }

  async function look() {
    try {
      const answer = await fetch("/status.json", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const status = await answer.json();
      const news = JSON.stringify([status.taken_at, status.verdict, status.workers]);
      if (known !== null && news !== known) await renew();
      known = news;
      aged(status.figures_age_seconds);
      said("Live.", false);
    } catch (error) {
      said("The service does not answer; this is its last status.", true);
    }
    setTimeout(look, EVERY);
  }

  look();
})();
