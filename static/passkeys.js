// Passkeys need scripts; every other way to sign in works without this file.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// Web Authentication level 3, §5.1.8: what is bytes there is base64url in JSON.
function read(options) {
  const key = options.publicKey;
  key.challenge = bytes(key.challenge);
  if (key.user) key.user.id = bytes(key.user.id);
  for (const known of [key.excludeCredentials, key.allowCredentials]) {
    for (const credential of known || []) credential.id = bytes(credential.id);
  }
  return { publicKey: key };
}

function written(credential) {
  const { response } = credential;
  const said = { clientDataJSON: text(response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (response[name]) said[name] = text(response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response: said, clientExtensionResults: {} });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) continue;
  const trouble = form.querySelector("[data-trouble]");
  form.hidden = false;
  for (const instead of document.querySelectorAll("[data-without-passkeys]")) instead.hidden = true;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    trouble.hidden = true;
    try {
      const options = read(JSON.parse(form.dataset.options));
      const asked = form.dataset.passkey === "make" ? navigator.credentials.create(options) : navigator.credentials.get(options);
      form.elements.answer.value = written(await asked);
      form.submit();
    } catch (error) {
      trouble.hidden = false;
      trouble.textContent = error.name === "InvalidStateError" ? trouble.dataset.known : trouble.dataset.failed;
      delete form.dataset.sent;
    }
  });
}
