// A picture of the current track's loudness over time, decoded in the browser.

const LARGEST = 64 << 20; // bytes of a file that is decoded for its picture
const RATE = 8000; // Hz: enough for a picture, and small
const canvas = document.getElementById("waveform");

let peaks = null;
let turn = 0;

/** Draw the track at an address when it is decoded; until then, or where it is too much, nothing. */
export async function picture(address) {
  const mine = ++turn;
  peaks = null;
  draw(0);
  try {
    const answer = await fetch(address);
    if (!answer.ok || Number(answer.headers.get("Content-Length")) > LARGEST) {
      answer.body?.cancel();
      return;
    }
    const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await answer.arrayBuffer());
    if (mine === turn) peaks = peaksOf(sound.getChannelData(0), 300);
  } catch {
    // what cannot be decoded has no picture
  }
}

function peaksOf(samples, n) {
  const width = Math.max(Math.floor(samples.length / n), 1);
  const found = Array.from({ length: n }, (_, i) => {
    let most = 0;
    for (let at = i * width; at < Math.min((i + 1) * width, samples.length); at++) most = Math.max(most, Math.abs(samples[at]));
    return most;
  });
  const top = Math.max(...found, 1e-6);
  return found.map((value) => value / top);
}

/** Draw what there is, the first `share` of it as played. */
export function draw(share) {
  canvas.hidden = !peaks;
  if (!peaks) return;
  const style = getComputedStyle(canvas);
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  const n = Math.min(peaks.length, Math.floor(width / (3 * scale)));
  for (let i = 0; i < n; i++) {
    const peak = peaks[Math.floor((i / n) * peaks.length)];
    pen.fillStyle = style.getPropertyValue(i / n < share ? "--accent" : "--edge");
    pen.fillRect((i * width) / n, height * (1 - Math.max(peak, 0.04)) / 2, (width / n) * 0.66, height * Math.max(peak, 0.04));
  }
}
