// What an application does with the SDK, and nothing more: it logs in, keeps the calls it is told of, and writes
// down what the SDK says. `told` is all of that, in order; the tests read it.

'use strict';

const told = [];
const calls = {};
let client = null;

/** Make a client and log it in. */
function logIn(options) {
  client = new TelnyxWebRTC.TelnyxRTC({ iceServers: [], ...options });
  client.remoteElement = 'remote';
  for (const name of ['telnyx.ready', 'telnyx.socket.open', 'telnyx.socket.close']) {
    client.on(name, () => told.push({ event: name }));
  }
  client.on('telnyx.error', ({ error }) => told.push({ event: 'telnyx.error', code: error.code, name: error.name }));
  client.on('telnyx.warning', ({ warning }) => told.push({ event: 'telnyx.warning', code: warning.code }));
  client.on('telnyx.notification', (notice) => {
    if (notice.type !== 'callUpdate') return;
    const call = notice.call;
    calls[call.id] = call;
    told.push({
      event: 'call', id: call.id, state: call.state, direction: call.direction,
      cause: call.cause, code: call.causeCode, sip: call.sipCode,
      number: call.options.remoteCallerNumber,
    });
  });
  client.connect();
}

/** Place a call; gives its id. */
function dial(destinationNumber, options = {}) {
  const call = client.newCall({ destinationNumber, callerNumber: '+15550001111', callerName: 'Page', ...options });
  calls[call.id] = call;
  return call.id;
}

/** How often the SDK told of this. */
function times(name) {
  return told.filter((one) => one.event === name).length;
}

/** The states that a call went through, each once for as long as it lasted. */
function states(id) {
  const all = told.filter((one) => one.event === 'call' && one.id === id).map((one) => one.state);
  return all.filter((state, at) => state !== all[at - 1]);
}

/** What the SDK last said of a call. */
function last(id) {
  return told.findLast((one) => one.event === 'call' && one.id === id);
}

/** The call that rings here. */
function ringing() {
  return told.findLast((one) => one.event === 'call' && one.state === 'ringing' && last(one.id).state === 'ringing');
}

// --- what is heard ------------------------------------------------------------------------------------

let ear = null;

/** One look at what came in the last 170 ms: level (0 dB is a sine at full scale), and the strongest frequency. */
function hear() {
  const stream = document.getElementById('remote').srcObject;
  const track = stream && stream.getAudioTracks().find((one) => one.readyState === 'live');
  if (!track) return null;
  if (ear === null || ear.track !== track) {
    const context = ear === null ? new AudioContext() : ear.context;
    if (ear !== null) ear.source.disconnect();
    const source = context.createMediaStreamSource(new MediaStream([track]));
    const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
    source.connect(analyser);
    ear = { context, source, analyser, track };
  }
  const samples = new Float32Array(ear.analyser.fftSize);
  ear.analyser.getFloatTimeDomainData(samples);
  const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
  const bins = new Float32Array(ear.analyser.frequencyBinCount);
  ear.analyser.getFloatFrequencyData(bins);
  const strongest = bins.reduce((best, one, at) => (one > bins[best] ? at : best), 0);
  return { level: 10 * Math.log10(2 * power + 1e-12), hz: (strongest * ear.context.sampleRate) / samples.length };
}

let looks = [];

/** What is heard, once `fits` has held for five looks on end, 20 ms apart, at the same level give or take 1 dB. */
function steadily(fits) {
  const heard = hear();
  if (heard === null || !fits(heard)) {
    looks = [];
    return null;
  }
  looks = [...looks.slice(-4), heard];
  const levels = looks.map((one) => one.level);
  if (looks.length < 5 || Math.max(...levels) - Math.min(...levels) > 1) return null;
  looks = [];
  return heard;
}

/** A tone of `hz`. */
const tone = (hz) => steadily((heard) => heard.level > -40 && Math.abs(heard.hz - hz) < 20);

/** No tone of `hz`: silence, or something else. */
const noTone = (hz) => steadily((heard) => heard.level < -50 || Math.abs(heard.hz - hz) > 20);
