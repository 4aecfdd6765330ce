#!/usr/bin/env bash
# A search for NaN in a Parquet file whose other rows are equal.
set -eu
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 2' HUP INT TERM  # once what runs has ended
export TMPDIR=$tmp          # what others leave there goes too

python3 -m venv "$tmp/venv" || exit 2
"$tmp/venv/bin/pip" install -q --disable-pip-version-check \
  pyarrow==26.0.1 numpy==2.4.6 || exit 2
cd "$tmp"
if "$tmp/venv/bin/python" - <<'EOF'
import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

print("pyarrow", pa.__version__)
print("One would expect: a filter finds the same rows in a table and in the file that")
print("the table was written to.")
table = pa.table({"loss": [1.0, 1.0, np.nan]})
pq.write_table(table, "losses.parquet")
wanted = pc.is_nan(pc.field("loss"))
memory = table.filter(wanted).num_rows
file = pq.read_table("losses.parquet", filters=wanted).num_rows
print("What happens: the file's statistics leave NaN out, so least and largest are 1;")
print("the reader concludes that all is 1 and skips the rows unread.")
print("rows with a NaN: in the table", memory, "from the file", file)
sys.exit((memory, file) != (1, 0))
EOF
then
  echo "As recorded."
else
  echo "The behaviour has changed."
  exit 1
fi
