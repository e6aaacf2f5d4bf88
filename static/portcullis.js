// Comfort only: every page does its work without this file.
"use strict";

for (const button of document.querySelectorAll("[data-reveal]")) {
  const field = document.getElementById(button.dataset.reveal);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.textContent = shown ? "Show" : "Hide";
    button.setAttribute("aria-label", shown ? "Show password" : "Hide password");
    field.focus();
  });
  // A password that is shown is sent, and remembered by the browser, as a password.
  field.form.addEventListener("submit", () => { field.type = "password"; });
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.dataset.full ?? source.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

for (const button of document.querySelectorAll("[data-download]")) {
  const source = document.getElementById(button.dataset.download);
  button.hidden = false;
  button.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([source.textContent]));
    link.download = button.dataset.file;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

// The parts of a summary sentence follow the fields that they speak of.
for (const part of document.querySelectorAll("[data-says]")) {
  const fields = part.closest("form").elements;
  const words = () => {
    const chosen = [...fields].filter((field) => field.name === part.dataset.says).flatMap((field) => {
      if (field.options) return [...field.selectedOptions].map((option) => option.dataset.words ?? option.text);
      if (field.type !== "checkbox" && field.type !== "radio") return field.value ? [field.value] : [];
      return field.checked ? [field.dataset.words ?? field.closest("label").querySelector(".words, .unseen").textContent] : [];
    });
    const last = chosen.pop();
    part.textContent = chosen.length ? `${chosen.join(", ")} and ${last}` : (last ?? part.dataset.none);
  };
  part.closest("form").addEventListener("input", words);
}

// What is over is said once, when it is.
for (const time of document.querySelectorAll("[data-countdown]")) {
  const end = Date.parse(time.dateTime);
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) {
      clearInterval(timer);
      time.textContent = "now";
      return;
    }
    const [minutes, seconds] = [Math.floor(left / 60) % 60, left % 60].map((part) => String(part).padStart(2, "0"));
    const hours = Math.floor(left / 3600);
    time.textContent = hours ? `in ${hours}:${minutes}:${seconds}` : `in ${minutes}:${seconds}`;
  };
  const timer = setInterval(tick, 1000);
  tick();
}

// What takes several stages is asked for one by one, and each step is shown as it comes. What goes wrong is told by the
// whole page that the form brings without this.
for (const form of document.querySelectorAll("form[data-stages]")) {
  const place = document.getElementById(form.dataset.into);
  const waiting = place.querySelector("ol").cloneNode(true);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button:not([type])");
    button.disabled = true;
    if (!place.hidden) place.replaceChildren(waiting.cloneNode(true));
    place.hidden = false;
    for (const stage of form.dataset.stages.split(" ")) {
      const body = new URLSearchParams(new FormData(form));
      body.set("stage", stage);
      const answer = await fetch(form.action, { method: "POST", body }).catch(() => null);
      const steps = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll(".step") : [];
      if (!steps.length) {
        form.submit();
        return;
      }
      for (const step of [...steps]) document.getElementById(step.id)?.replaceWith(step);
    }
    button.disabled = false;
  });
}

for (const form of document.querySelectorAll("form[method=post]:not([data-stages])")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 10000);
    const after = form.querySelector("[data-after]");
    // An answer that goes to a program leaves this page standing: say so.
    if (after) setTimeout(() => { after.hidden = false; }, 3000);
  });
}

// An answer that a client wants by POST; the button is there for browsers without scripts.
for (const form of document.querySelectorAll("form[data-submit]")) form.requestSubmit();

// A form that came back with something wrong: what is wrong comes first.
document.querySelector("#problem[tabindex]")?.focus();

// Back from the history: the form may be sent again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
