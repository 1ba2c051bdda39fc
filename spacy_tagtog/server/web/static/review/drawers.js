// In a narrow window, what stands beside the text opens when it is asked for.

export function openDrawers() {
  for (const button of document.querySelectorAll("button.drawer")) {
    const drawer = document.getElementById(button.getAttribute("aria-controls"));
    button.addEventListener("click", () => {
      const open = drawer.classList.toggle("open");
      button.setAttribute("aria-expanded", String(open));
    });
    drawer.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !drawer.classList.contains("open")) return;
      drawer.classList.remove("open");
      button.setAttribute("aria-expanded", "false");
      button.focus();
    });
  }
}
