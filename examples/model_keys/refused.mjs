// Why a request gets no model. `reason` is one word for the client; the message, which says more,
// is only for the log: it helps who tries things out.
export class Refused extends Error {
  constructor(status, reason, message) {
    super(message);
    this.status = status;  // of HTTP
    this.reason = reason;
  }
}

export function demand(right, reason, message) {
  if (!right) throw new Refused(403, reason, message);
}
