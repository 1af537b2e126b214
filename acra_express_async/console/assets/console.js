// Keys for buttons (data-key) and fields (data-focus), and a question before what cannot be undone (data-ask).
"use strict";
(() => {
  function busy(target) {
    return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]");
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (busy(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const key = event.key.toLowerCase();
    if (!/^[a-z]$/.test(key)) return;
    const button = document.querySelector(`[data-key="${key}"]`);
    const field = document.querySelector(`[data-focus="${key}"]`);
    if (button) {
      event.preventDefault();
      button.click();
    } else if (field) {
      event.preventDefault();
      field.focus();
    }
  });

  window.addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.ask;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      return;
    }
    if (event.target.dataset.sent) event.preventDefault();
    if (event.target.method === "post") event.target.dataset.sent = "yes";
  });
})();
