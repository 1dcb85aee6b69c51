// Google's Play Integrity: that a request comes from this app, as Play knows it, on a phone that
// Google trusts. By the pages "Integrity verdicts" and "Make a standard API request" of Android's
// documentation. Only Google can decrypt a token, unless you manage your own response keys.
import { createSign } from "node:crypto";
import { demand, Refused } from "./refused.mjs";

const kScope = "https://www.googleapis.com/auth/playintegrity";

// base64 in either alphabet, with or without its padding, as one text.
const plain = (text) => Buffer.from(String(text), "base64").toString("base64url");

// The same of a fingerprint, which Play Console and keytool show as "14:6D:…".
function fingerprint(text) {
  const isHex = /^([0-9a-f]{2}:){31}[0-9a-f]{2}$/i.test(text);
  return isHex ? Buffer.from(text.replaceAll(":", ""), "hex").toString("base64url") : plain(text);
}

// `verdict`: the decoded token (tokenPayloadExternal). `requestHash`: what the app passed to
// setRequestHash(), or setNonce(). `certificates`: SHA-256 of the certificates that the app is
// signed with, in base64 or as "14:6D:…". `maximumAge` is in milliseconds. Throws Refused.
export function checkVerdict(verdict, {
  packageName, certificates, requestHash, device = "MEETS_DEVICE_INTEGRITY", maximumAge = 120_000,
  licensed = false, now = Date.now(),
}) {
  const request = verdict?.requestDetails, app = verdict?.appIntegrity;
  const hash = request?.requestHash ?? request?.nonce;
  demand(request?.requestPackageName === packageName, "app", "requested by another app");
  demand(typeof hash === "string" && plain(hash) === plain(requestHash), "challenge",
    "made for another request");
  const age = now - Number(request.timestampMillis);  // which is a text
  demand(age >= -maximumAge && age <= maximumAge, "challenge", `is ${age} ms old`);

  demand(app?.appRecognitionVerdict === "PLAY_RECOGNIZED", "app",
    `the app is ${app?.appRecognitionVerdict}`);
  demand(app.packageName === packageName, "app", `the app is ${app.packageName}`);
  const allowed = certificates.map(fingerprint);
  const signedBy = app.certificateSha256Digest;
  demand(Array.isArray(signedBy) && signedBy.length > 0 &&
    signedBy.every((digest) => allowed.includes(plain(digest))), "app", "signed by another key");

  const labels = verdict.deviceIntegrity?.deviceRecognitionVerdict;
  demand(Array.isArray(labels) && labels.includes(device), "device", `the device is ${labels}`);
  const licensing = verdict.accountDetails?.appLicensingVerdict;
  demand(!licensed || licensing === "LICENSED", "licence", `the user is ${licensing}`);
}

async function json(response, what) {
  if (!response.ok) {
    const text = (await response.text()).slice(0, 500);
    throw new Error(`${what}: HTTP ${response.status}: ${text}`);
  }
  return response.json();
}

// An access token for a service account: the JSON file that Google's console gives for its key. By
// RFC 7523.
async function accessToken(account, fetching, now) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const seconds = Math.floor(now / 1000);
  const head = part({ alg: "RS256", typ: "JWT", kid: account.private_key_id });
  const claims = part({
    iss: account.client_email, scope: kScope, aud: account.token_uri, iat: seconds,
    exp: seconds + 3600,
  });
  const signature =
    createSign("RSA-SHA256").update(`${head}.${claims}`).sign(account.private_key, "base64url");
  const body = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    assertion: `${head}.${claims}.${signature}`,
  });
  const answer = await json(await fetching(account.token_uri, { method: "POST", body }), "token");
  return { text: answer.access_token, until: now + 1000 * (answer.expires_in - 60) };
}

// Returns a function that has Google decode a token: (packageName, token) => verdict. Refused if
// Google does not accept the token; another Error if Google cannot be asked.
export function decoder(account, { fetching = fetch, now = Date.now } = {}) {
  let access = { until: 0 };
  return async (packageName, token) => {
    if (access.until <= now()) access = await accessToken(account, fetching, now());
    const name = encodeURIComponent(packageName);
    const url = `https://playintegrity.googleapis.com/v1/${name}:decodeIntegrityToken`;
    const response = await fetching(url, {
      method: "POST",
      headers: { "Authorization": `Bearer ${access.text}`, "Content-Type": "application/json" },
      body: JSON.stringify({ integrityToken: token }),
    });
    if (response.status === 400) throw new Refused(403, "attestation", "Google refuses the token");
    return (await json(response, "decodeIntegrityToken")).tokenPayloadExternal;
  };
}
