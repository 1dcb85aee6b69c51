// Checks the bodies on standard input against two independent definitions of current Kubernetes:
// unknown fields and wrong types by the attribute maps of @kubernetes/client-node, required fields,
// enumerations and formats by the schemas of kubernetes-models. Bodies that are broken on purpose
// must be refused, or the check itself is worth nothing.
//   bodies | node strict.mjs NODE_MODULES
import fs from 'node:fs';
import path from 'node:path';

// By file: neither package exports all of what is needed under its name.
const load = file => import(path.join(process.argv[2], file));
const definitions = await load('@kubernetes/client-node/dist/gen/models/all.js');
const { Job } = await load('kubernetes-models/batch/v1/index.js');
const { Service } = await load('kubernetes-models/v1/index.js');
const kinds = { Job: ['V1Job', Job], Service: ['V1Service', Service] };

// Quantities are defined as strings or numbers.
const isQuantity = where => /\.(limits|requests)\.[^.]*$/.test(where);

function faultsIn(value, type, where) {
  if (value === null || value === undefined) return [`${where}: nothing`];
  const array = /^Array<(.*)>$/.exec(type);
  if (array) {
    if (!Array.isArray(value)) return [`${where}: not a list`];
    return value.flatMap((item, i) => faultsIn(item, array[1], `${where}[${i}]`));
  }
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map) {
    if (typeof value !== 'object') return [`${where}: not an object`];
    return Object.entries(value).flatMap(([k, v]) => faultsIn(v, map[1], `${where}.${k}`));
  }
  if (['string', 'number', 'boolean'].includes(type)) {
    const right = typeof value === type || (isQuantity(where) && typeof value === 'number');
    return right ? [] : [`${where}: ${typeof value}, not ${type}`];
  }
  const definition = definitions[type];
  if (!definition?.getAttributeTypeMap) {
    if (['any', 'IntOrString', 'Date'].includes(type)) return [];
    return [`${where}: no definition of ${type}`];
  }
  const fields = new Map(definition.getAttributeTypeMap().map(a => [a.baseName, a.type]));
  return Object.entries(value).flatMap(([k, v]) => fields.has(k)
    ? faultsIn(v, fields.get(k), `${where}.${k}`)
    : [`${where}.${k}: unknown field of ${type}`]);
}

function check(body) {
  const [type, Model] = kinds[body.kind];
  const faults = faultsIn(body, type, body.kind);
  try {
    new Model(body).validate();
  } catch (error) {
    faults.push(error.message);
  }
  return faults;
}

const bodies = JSON.parse(fs.readFileSync(0, 'utf8'));
let wrong = 0;
for (const { name, body } of bodies) {
  const faults = check(body);
  if (faults.length > 0) {
    wrong += 1;
    console.log(`${name}: ${faults.join('; ')}`);
  }
}

const broken = {
  'an unknown field': job => { job.spec.backOffLimit = 1; },
  'an unknown field deep inside': job => {
    job.spec.template.spec.containers[0].resources = { limit: {} };
  },
  'a string for a number': job => { job.spec.parallelism = 'two'; },
  'a number for a string': job => { job.spec.template.spec.containers[0].image = 1; },
  'no containers': job => { delete job.spec.template.spec.containers; },
  'no template': job => { delete job.spec.template; },
  'a rule without an action': job => { delete job.spec.podFailurePolicy.rules[0].action; },
  'an operator that does not exist': job => {
    job.spec.podFailurePolicy.rules[1].onExitCodes.operator = 'Is';
  },
  'a misspelt restart policy': job => { job.spec.template.spec.restartPolicy = 'never'; },
  'a misspelt completion mode': job => { job.spec.completionMode = 'indexed'; },
  'a volume mount without a path': job => {
    job.spec.template.spec.containers[0].volumeMounts = [{ name: 'x' }];
  },
};
for (const [name, breakIt] of Object.entries(broken)) {
  const body = structuredClone(bodies[0].body);
  breakIt(body);
  if (check(body).length === 0) {
    wrong += 1;
    console.log(`accepted: ${name}`);
  }
}
console.log(`${bodies.length} bodies checked, ${Object.keys(broken).length} broken ones tried`);
process.exit(wrong > 0 ? 1 : 0);
