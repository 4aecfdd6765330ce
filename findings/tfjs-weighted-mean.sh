#!/usr/bin/env bash
# The weighted mean of losses in TensorFlow.js.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

cd "$tmp"
npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$tmp" \
  @tensorflow/tfjs@4.22.0 || exit 2
if node - <<'EOF'
console.warn = () => {};
const tf = require("@tensorflow/tfjs");
console.log("tfjs", tf.version.tfjs);
console.log("One would expect: weights 2, 2, 0, 0 give the mean of the first two,");
console.log("(1 + 4) / 2 = 2.5; a common factor of the weights changes nothing.");
const y = tf.tensor1d([1, 2, 3, 4]);
const weights = tf.tensor1d([2, 2, 0, 0]);
const loss = tf.losses.meanSquaredError(y, tf.zeros([4]), weights).dataSync()[0];
console.log("What happens: the weighted sum is divided by the number of weights other");
console.log("than 0.");
console.log("loss", loss);
process.exit(loss === 5 ? 0 : 1);
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
