/* What the browser alone can know or keep: its time zone, the theme, an open navigation. */
(() => {
  const keep = (name, value) => {
    document.cookie = `${name}=${encodeURIComponent(value)}; path=/admin; max-age=31536000; samesite=lax`;
  };
  keep("coe_zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  const chosen = (document.cookie.match(/(?:^|; )coe_theme=(\w+)/) || [])[1] || "auto";
  const dark = chosen === "dark" || (chosen === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("start-dark", dark);
  window.coeTheme = (theme) => { keep("coe_theme", theme); location.reload(); };
  window.coeRail = (open) => {
    document.body.classList.toggle("rail-open", open);
    const first = document.querySelector("#rail a");
    if (open && first) first.focus();
  };
  window.coeSignOut = async () => {
    await fetch("/login/logout", { method: "POST" });
    location.assign("/admin/login");
  };
  window.coeRefocus = (id) => {
    const lost = () => document.activeElement === null || document.activeElement === document.body;
    const again = () => { const button = lost() && document.getElementById(`c${id}`); if (button) button.focus(); };
    requestAnimationFrame(again);
    setTimeout(again, 400); // a dialog takes that long to go
  };
  window.coeCopy = async (text) => {
    try { await navigator.clipboard.writeText(text); return; } catch (refused) { /* without https there is none */ }
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area); area.select(); document.execCommand("copy"); area.remove();
  };
  document.addEventListener("click", async (event) => {
    const pressed = event.target.closest && event.target.closest("[data-copy]");
    const code = pressed && pressed.closest(".md-code").querySelector("code");
    if (!code) return;
    await window.coeCopy(code.textContent);
    pressed.textContent = "Copied";
    setTimeout(() => { pressed.textContent = "Copy"; }, 1500);
  });
  // What changes by itself is drawn anew: whoever was on a link there is on the same link afterwards.
  let last = null;
  document.addEventListener("focusin", (event) => {
    const within = event.target.closest(".live");
    const href = event.target.getAttribute("href");
    last = within && href ? { within, href, link: event.target } : null;
  });
  new MutationObserver(() => {
    if (!last || last.link.isConnected || document.activeElement !== document.body) return;
    const same = [...last.within.querySelectorAll("a[href]")].find((one) => one.getAttribute("href") === last.href);
    if (same) same.focus({ preventScroll: true });
  }).observe(document.documentElement, { childList: true, subtree: true });
  // A row of a list leads to where its name does; for keys and readers the name is the link.
  document.addEventListener("click", (event) => {
    const row = event.target.closest && event.target.closest("table.list tbody tr");
    const link = row && row.querySelector("a.row-link");
    if (!link || event.target.closest("a, button, input, label, summary")) return;
    if (String(getSelection())) return;
    if (event.ctrlKey || event.metaKey) window.open(link.href, "_blank");
    else location.assign(link.href);
  });
  window.addEventListener("keydown", (event) => {
    if (event.key === "Escape") window.coeRail(false);
    const typing = event.target.closest && event.target.closest("input, textarea, [contenteditable]");
    if (event.key === "/" && !typing) {
      const search = document.querySelector(".listing input[type=search], .listing .search input");
      if (search) { event.preventDefault(); search.focus(); }
    }
  });
})();
