// Record one take: while the video plays, the pointer is sampled at every repaint, with the frame on the screen.
//
// The browser reports the frame with requestVideoFrameCallback; without it, the playing time determines the frame. Frame
// and time are stored as observed, without a shift: publishing corrects the reaction time of raters.

const PIECE = 60; // samples per event: about one second
const STILL_MS = 5000;
const TRAIL_MS = 5000;

/** Return the frame with the time nearest to a media time. */
export function frameAt(times_s, media_s) {
  let [low, high] = [0, times_s.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times_s[middle] < media_s) low = middle + 1;
    else high = middle;
  }
  return low > 0 && media_s - times_s[low - 1] <= times_s[low] - media_s ? low - 1 : low;
}

/** Tracks the frame of a video that is on the screen. */
export class Shown {
  #video;
  #times_s;
  #stopped = false;

  constructor(video, times_s) {
    this.#video = video;
    this.#times_s = times_s;
    this.frame = null;
    this.media_s = null;
    this.exact = "requestVideoFrameCallback" in HTMLVideoElement.prototype;
    if (this.exact) this.#wait();
  }

  #wait() {
    this.#video.requestVideoFrameCallback((now, { mediaTime }) => {
      if (this.#stopped) return;
      this.media_s = mediaTime;
      this.frame = frameAt(this.#times_s, mediaTime);
      this.#wait();
    });
  }

  /** Read the playing time, if the browser does not report frames. */
  read() {
    if (this.exact) return;
    const time_s = this.#video.currentTime;
    const nearest = frameAt(this.#times_s, time_s);
    // A frame stays on the screen until the time of the next one.
    this.frame = this.#times_s[nearest] > time_s + 1e-4 && nearest > 0 ? nearest - 1 : nearest;
    this.media_s = time_s;
  }

  stop() {
    this.#stopped = true;
  }
}

export class Recorder extends EventTarget {
  #begun_ms = null;
  #piece = [];
  #moved_ms = 0;
  #stillTold = false;

  constructor(ledger, source, axis, speed) {
    super();
    Object.assign(this, { ledger, source, axis, speed, samples: [], trail: [], take: null });
  }

  /** Add a sample; `shown` has the frame on the screen, `point` is the pointer's position or null. */
  sample(shown, point, now_ms) {
    this.trail = this.trail.filter(([, , at_ms]) => now_ms - at_ms < TRAIL_MS);
    if (shown.frame === null || !point) return;
    if (this.take === null) this.#begin(shown, now_ms);
    const last = this.samples.at(-1);
    const [valence, arousal] = [this.axis === "arousal" ? null : point[0], this.axis === "valence" ? null : point[1]];
    if (!last || last[3] !== valence || last[4] !== arousal) {
      this.#moved_ms = now_ms;
      this.#stillTold = false;
    } else if (!this.#stillTold && now_ms - this.#moved_ms >= STILL_MS) {
      this.#stillTold = true;
      this.dispatchEvent(new Event("still"));
    }
    const row = [shown.frame, shown.media_s, Math.round((now_ms - this.#begun_ms) * 10) / 10, valence, arousal];
    this.samples.push(row);
    this.#piece.push(row);
    this.trail.push([point[0], point[1], now_ms]);
    if (this.#piece.length >= PIECE) this.flush();
  }

  #begin(shown, now_ms) {
    this.#begun_ms = this.#moved_ms = now_ms;
    this.take = this.ledger.do("take", { source: this.source, axis: this.axis, speed: this.speed, from_s: shown.media_s, exact: shown.exact });
  }

  /** Store the samples since the last call as an event. */
  flush() {
    if (!this.#piece.length) return;
    const column = (place) => this.#piece.map((row) => row[place]);
    this.ledger.do("trace", { take: this.take, source: this.source, frames: column(0), media_s: column(1), observed_ms: column(2), valence: column(3), arousal: column(4) });
    this.#piece = [];
  }

  /** Whether the take is longer than five seconds and has only one value. */
  get frozen() {
    if (this.samples.length < 2 || this.samples.at(-1)[2] < STILL_MS) return false;
    const [, , , valence, arousal] = this.samples[0];
    return this.samples.every((row) => row[3] === valence && row[4] === arousal);
  }
}
