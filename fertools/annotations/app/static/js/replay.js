// The current annotation of an item, from its active events. It equals the replay on the server.

const PASSES = ["unsure", "no_face", "bad_crop"];

export function replay(events) {
  const answer = { valence: null, arousal: null, emotion: null, flags: new Set(), note: null, accepted: false };
  for (const event of events) {
    if (!event.active) continue;
    if (event.kind === "rate") {
      Object.assign(answer, { valence: event.valence, arousal: event.arousal, accepted: Boolean(event.accepted) });
    } else if (event.kind === "emotion") {
      answer.emotion = event.emotion;
    } else if (event.kind === "flag") {
      if (event.on) answer.flags.add(event.flag);
      else answer.flags.delete(event.flag);
      if (event.flag === "note") answer.note = event.on ? event.note : null;
    }
  }
  return answer;
}

export function isDone(answer, tasks) {
  if (PASSES.some((flag) => answer.flags.has(flag))) return true;
  const given = { va: answer.valence !== null, emotion: answer.emotion !== null };
  return tasks.every((task) => given[task]);
}

/** Merge a take into an older trace: between its first and last frame, on its axes, only the take counts. */
export function mergeTake(trace, take) {
  const means = new Map();
  for (const [frame, , , valence, arousal] of take.samples) {
    const sum = means.get(frame) ?? { count: 0, valence: 0, arousal: 0 };
    means.set(frame, { count: sum.count + 1, valence: sum.valence + valence, arousal: sum.arousal + arousal });
  }
  if (!means.size) return trace;
  const frames = [...means.keys()].sort((a, b) => a - b);
  const [first, last] = [frames[0], frames.at(-1)];
  const rows = new Map(trace.frames.map((frame, i) => [frame, { valence: trace.valence[i], arousal: trace.arousal[i] }]));
  for (const axis of take.axis === "both" ? ["valence", "arousal"] : [take.axis]) {
    for (const [frame, row] of rows) if (frame >= first && frame <= last) row[axis] = null;
    for (const [frame, sum] of means) {
      const row = rows.get(frame) ?? { valence: null, arousal: null };
      row[axis] = sum[axis] / sum.count;
      rows.set(frame, row);
    }
  }
  const sorted = [...rows.entries()].filter(([, row]) => row.valence !== null || row.arousal !== null).sort((a, b) => a[0] - b[0]);
  return {
    frames: sorted.map(([frame]) => frame),
    valence: sorted.map(([, row]) => row.valence),
    arousal: sorted.map(([, row]) => row.arousal),
  };
}
