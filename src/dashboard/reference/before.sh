# Run this once, in the shell that the lines below are for: it makes what they speak of.
# Where the service asks for keys, first: export EPOCHD_KEY=…
curl() { command curl ${EPOCHD_KEY:+-H "Authorization: Bearer $EPOCHD_KEY"} "$@"; }
service=http://127.0.0.1:8080
cd "$(mktemp -d)" || exit

# Data sets: flowers to learn from, the same to measure on, and one to delete.
for name in iris iris-test old; do
  curl -s "$service/datasets?name=$name" -H 'content-type: text/csv' --data-binary @- <<'END' >>made.txt
{flowers}
END
done

# Models: one by data set, two by layer sizes, and one to delete.
model() { curl -s "$service/models" -H 'content-type: application/json' -d "{$1}" >>made.txt; }
model '"name":"flowers","dataset":"iris","target":"species","recipe":"plain"'
model '"name":"digits-mini","layers":[4,8,3],"loss":"cross_entropy"'
model '"name":"xor","layers":[2,2,1],"activation":"sigmoid"'
model '"name":"old","layers":[2,1]'

# Trains a model, and prints the job's id. `ended` waits for one.
train() { curl -s "$service/models/$1/train" -H 'content-type: application/json' -d "{$2}" | grep -o '"id":"[^"]*"' | head -n 1 | cut -d '"' -f 4; }
ended() { curl -s "$service/jobs/$1?wait=60" >>made.txt; }
xor='"inputs":[[0,0],[0,1],[1,0],[1,1]],"targets":[0,1,1,0]'
digits='"inputs":[[0.1,0.2,0.1,0.9],[0.9,0.1,0.1,0.2],[0.1,0.9,0.8,0.1]],"targets":[0,1,2]'
ended "$(train flowers '"epochs":20')"
ended "$(train digits-mini "$digits")"
OLD_JOB=$(train xor "$xor")
ended "$OLD_JOB"
ended "$(train xor "$xor")"
JOB=$(train xor "$xor,\"activate\":\"never\"")
ended "$JOB"
curl -s "$service/models/xor/versions/1/export" -o xor.safetensors
# One that lasts, to be cancelled.
LONG_JOB=$(train digits-mini "$digits,\"epochs\":1000000")
