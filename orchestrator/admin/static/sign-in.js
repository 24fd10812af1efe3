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
    problem.textContent = at("refused").textContent = ""; key.removeAttribute("aria-invalid");
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
  // The address has the code alone: what others write into an address is not what this page says.
  const reasons = {
    login_failed: "The identity provider did not sign you in. Try again, or sign in with a key.",
    login_no_role: "You are known, but your account has no role here. Ask whoever runs this service for one, or sign out at the identity provider to use another account.",
    login_unavailable: "The identity provider does not answer. Try again in a moment, or sign in with a key.",
    registry_unavailable: "Nobody can be signed in right now. Try again in a moment.",
  };
  const reason = new URLSearchParams(location.search).get("problem");
  if (reason !== null) {
    at("refused").textContent = Object.hasOwn(reasons, reason) ? reasons[reason] : "You were not signed in. Try again.";
    history.replaceState(null, "", `/admin/login?back=${encodeURIComponent(back)}`);
  }
  at("key").focus();
  const ways = await fetch("/login/ways").then((answer) => (answer.ok ? answer.json() : {})).catch(() => ({}));
  if (ways.oidc) {
    at("person").hidden = false;
    at("provider").textContent = `Sign in with ${ways.oidc.name || "your account"}`;
    at("provider").href = `/login?back=${encodeURIComponent(back)}`;
  }
})();
