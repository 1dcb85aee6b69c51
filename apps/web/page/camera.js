// The device's camera on a <video>, frame by frame.

const kProblems = {
  NotAllowedError: ["The camera is not allowed",
    "Allow this page to use the camera in the browser's settings for this site, then try again."],
  NotFoundError: ["No camera found", "Connect a camera, then try again."],
  NotReadableError: ["The camera is busy",
    "Another program is using it. Close it, then try again."],
};

// Title and text of a getUserMedia() error for the user.
export function cameraProblem(error) {
  return kProblems[error.name] ?? ["The camera could not be started", error.message];
}

export class Camera {
  #video;
  #facing = "environment";
  #device = null;  // its id, if cameras do not report which way they face

  constructor(video) {
    this.#video = video;
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
    const which = this.#device !== null
      ? { deviceId: { exact: this.#device } } : { facingMode: { ideal: this.#facing } };
    this.#video.srcObject = await navigator.mediaDevices.getUserMedia({
      audio: false, video: { width: { ideal: 1280 }, height: { ideal: 720 }, ...which },
    });
    await this.#video.play();
  }

  stop() {
    this.#video.srcObject?.getTracks().forEach((track) => track.stop());
    this.#video.srcObject = null;
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
