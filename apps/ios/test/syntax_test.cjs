// Parses the Swift sources named on the command line, of pages (.md) their Swift blocks: syntax,
// no more. The folder before them has the npm packages tree-sitter and tree-sitter-swift.
const fs = require('fs');
const path = require('path');

const [modules, ...files] = process.argv.slice(2);
const Parser = require(path.join(modules, 'tree-sitter'));
const parser = new Parser();
parser.setLanguage(require(path.join(modules, 'tree-sitter-swift')));
const isSwift = (text) => !parser.parse(text).rootNode.hasError;

function sourceOf(file) {
  const text = fs.readFileSync(file, 'utf8');
  if (!file.endsWith('.md')) return text;
  return [...text.matchAll(/^```swift\n(.*?)^```$/gms)].map((block) => block[1]).join('');
}

// Human-readable lines of syntax errors.
function faults(node) {
  if (node.isError || node.isMissing) return [node.startPosition.row + 1];
  return node.hasError ? node.children.flatMap(faults) : [];
}

let failed = files.length === 0;
for (const file of files) {
  const text = sourceOf(file);
  for (const line of faults(parser.parse(text).rootNode)) {
    console.log(`${file}:${line}: no Swift`);
    failed = true;
  }
  // A parser that accepts anything would prove nothing.
  const close = Math.max(text.lastIndexOf('}'), text.lastIndexOf(')'));
  if (isSwift(text.slice(0, close) + text.slice(close + 1))) {
    console.log(`${file}: is still Swift without its last bracket`);
    failed = true;
  }
}
console.log(failed ? 'failed' : `${files.length} files are Swift`);
process.exit(failed ? 1 : 0);
