// The device's camera on a <video>, frame by frame.

const kProblems = {
  NotAllowedError: ["The camera is not allowed",
    "Allow this page to use the camera in the browser's settings for this site, then try again."],
  NotFoundError: ["No camera found", "Connect a camera, then try again."],
  NotReadableError: ["The camera is busy",
    "Another program is using it. Close it, then try again."],
  LostError: ["The camera is gone",
    "It was unplugged, or the system or another program took it. " +
      "Connect it again, then try again."],
};
// Names that mean the same.
kProblems.SecurityError = kProblems.NotAllowedError;
kProblems.OverconstrainedError = kProblems.NotFoundError;
kProblems.AbortError = kProblems.NotReadableError;

// Title and text of a getUserMedia() error for the user.
export function cameraProblem(error) {
  return kProblems[error.name] ?? ["The camera could not be started", error.message];
}

function stopTracks(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

// Null where browsers do not tell.
async function cameraPermission() {
  try {
    return await navigator.permissions.query({ name: "camera" });
  } catch {
    return null;
  }
}

async function watchPermission(denied) {
  const permission = await cameraPermission();
  if (permission === null) return;
  permission.onchange = () => {
    if (permission.state === "denied") denied();
  };
}

export class Camera {
  #video;
  #facing = "environment";
  #device = null;  // its id, if cameras do not report which way they face
  #lost;
  #starts = 0;

  // `lost` is called with an error for cameraProblem() when the running camera is gone.
  constructor(video, lost) {
    this.#video = video;
    this.#lost = lost;
    watchPermission(() => this.#lose("NotAllowedError"));
  }

  // True if users expect a mirror image.
  get mirrored() {
    return (this.#settings.facingMode ?? this.#facing) === "user";
  }

  get #settings() {
    return this.#video.srcObject?.getVideoTracks()[0]?.getSettings() ?? {};
  }

  async start() {
    if (!navigator.mediaDevices) {
      throw new Error("Browsers only allow the camera on secure pages: open this page over https.");
    }
    this.stop();
    const start = ++this.#starts;
    const which = this.#device !== null
      ? { deviceId: { exact: this.#device } } : { facingMode: { ideal: this.#facing } };
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: false, video: { width: { ideal: 1280 }, height: { ideal: 720 }, ...which },
    });
    if (start !== this.#starts) {  // stopped or started again meanwhile
      stopTracks(stream);
      return;
    }
    for (const track of stream.getVideoTracks()) track.onended = () => this.#end(track);
    this.#video.srcObject = stream;
    await this.#video.play();
  }

  stop() {
    ++this.#starts;
    stopTracks(this.#video.srcObject);
    this.#video.srcObject = null;
  }

  // Browsers end the track both of an unplugged camera and of one that is not allowed any more.
  async #end(track) {
    if (!this.#video.srcObject?.getVideoTracks().includes(track)) return;
    this.#device = null;  // it may not come back
    const denied = (await cameraPermission())?.state === "denied";
    this.#lose(denied ? "NotAllowedError" : "LostError");
  }

  #lose(name) {
    if (this.#video.srcObject === null) return;
    this.stop();
    this.#lost(new DOMException("", name));
  }

  async count() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter(({ kind }) => kind === "videoinput").length;
  }

  // Switches to the other side of a phone, else to the next camera.
  async next() {
    const { facingMode, deviceId } = this.#settings;
    if (facingMode !== undefined) {
      this.#facing = facingMode === "user" ? "environment" : "user";
    } else {
      const devices = (await navigator.mediaDevices.enumerateDevices())
        .filter(({ kind }) => kind === "videoinput");
      const at = devices.findIndex((device) => device.deviceId === deviceId);
      this.#device = devices[(at + 1) % devices.length].deviceId;
    }
    await this.start();
  }

  // Calls back for each new frame, forever.
  eachFrame(callback) {
    const video = this.#video;
    const next = video.requestVideoFrameCallback
      ? (body) => video.requestVideoFrameCallback(body) : (body) => requestAnimationFrame(body);
    const tick = () => {
      next(tick);
      if (video.srcObject !== null && !video.paused) callback();
    };
    next(tick);
  }

  // The displayed frame, to be sent to a worker; null if there is none yet.
  async picture() {
    const video = this.#video;
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
    return typeof VideoFrame === "function" ? new VideoFrame(video) : createImageBitmap(video);
  }
}
