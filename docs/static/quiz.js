// Quizzes and predictions without a kernel. What was chosen is kept in this browser, and goes nowhere else.
const kept = {
  get(key) { try { return localStorage.getItem("nodekit:" + key); } catch { return null; } },
  set(key, letter) { try { localStorage.setItem("nodekit:" + key, letter); } catch { /* a private window */ } },
};

function reveal(box, letter) {
  const said = box.querySelector(".course-said"), details = box.querySelector("details");
  if (!letter) { said.textContent = "You have not chosen yet: the question is further up."; return; }
  said.textContent = `You chose ${letter}. ` + box.querySelector(`li[data-letter="${letter}"]`).textContent;
  details.open = letter !== box.dataset.answer;
}

for (const question of document.querySelectorAll(".course-question")) {
  const key = question.dataset.key, said = question.querySelector(".course-said");
  const details = question.querySelector("details");
  const box = document.querySelector(`.course-reveal[data-for="${key}"]`);
  const show = letter => {
    if (details) said.textContent = question.querySelector(`li[data-letter="${letter}"]`).textContent;
    else said.textContent = `Noted: ${letter}. Read on: further down it is compared with what comes out.`;
    if (box) reveal(box, letter);
  };
  if (details) details.hidden = true;  // each answer has its own reply
  const before = kept.get(key), chosen = question.querySelector(`input[value="${before}"]`);
  if (chosen) { chosen.checked = true; show(before); } else if (box) reveal(box, null);
  question.addEventListener("change", event => { kept.set(key, event.target.value); show(event.target.value); });
}
