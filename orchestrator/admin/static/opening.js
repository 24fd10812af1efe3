/* The first page after the service's start: what draws pages is being imported. */
document.body.classList.toggle("body--dark", document.documentElement.classList.contains("start-dark"));
(async () => {
  const opened = await fetch("/admin/opened").catch(() => ({ ok: false, status: 0 }));
  if (opened.ok) return location.reload();
  document.getElementById("title").textContent = "Not opened";
  document.getElementById("waiting").remove();
  document.getElementById("problem").hidden = false;
  document.getElementById("why").textContent = opened.status
    ? "The admin pages cannot be opened. Why is in the service's log."
    : "The service cannot be reached. Load this page again once it runs.";
})();
