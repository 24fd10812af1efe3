(async () => {
  const at = (id) => document.getElementById(id);
  const inside = /^\/admin([/?][^\\]*)?$/;
  const asked = new URLSearchParams(location.search).get("back") || "/admin";
  const back = inside.test(asked) && !asked.split("?")[0].includes("//") ? asked : "/admin";
  at("host").textContent = location.host;
  at("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const key = at("key"), problem = at("problem"), send = event.submitter || at("form").querySelector("button");
    const fail = (text) => { problem.textContent = text; key.setAttribute("aria-invalid", "true"); key.focus(); };
    problem.textContent = ""; key.removeAttribute("aria-invalid");
    if (!key.value.trim()) return fail("Enter a key.");
    send.disabled = true;
    try {
      const answer = await fetch("/login/key", {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ key: key.value.trim() }),
      });
      if (answer.ok) return location.assign(back);
      const told = await answer.json().catch(() => ({}));
      fail((told.error && told.error.message) || `The service answered with ${answer.status}.`);
    } catch (away) {
      fail("The service cannot be reached.");
    } finally {
      send.disabled = false;
    }
  });
  at("key").focus();
  const ways = await fetch("/login/ways").then((answer) => (answer.ok ? answer.json() : {})).catch(() => ({}));
  if (ways.oidc) {
    at("person").hidden = false;
    at("provider").textContent = `Sign in with ${ways.oidc.name || "your account"}`;
    at("provider").href = `/login?back=${encodeURIComponent(back)}`;
  }
})();
