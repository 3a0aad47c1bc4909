// What is said at the foot of a page, and read out.

let timer = 0;

export function say(words, passing = true) {
  const status = document.getElementById("status");
  status.textContent = words;
  clearTimeout(timer);
  if (passing) timer = setTimeout(() => { status.textContent = ""; }, 6000);
}
