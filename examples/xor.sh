#!/usr/bin/env bash
# Teaches a network of 2, 2 and 1 units XOR, shows how its loss fell, and asks it for all four answers.
#
#   examples/xor.sh                                    # asks the service at http://127.0.0.1:8080
#   EPOCHD_URL=http://127.0.0.1:9000 examples/xor.sh   # or elsewhere
#   EPOCHD_KEY=SECRET examples/xor.sh                  # one that has keys
#
# Needs curl 7.82 or newer. Run it as often as you like: it begins by deleting the model xor-example.
set -euo pipefail
export LC_ALL=C
url=${EPOCHD_URL:-http://127.0.0.1:8080}

fail() {
    echo "xor.sh: $*" >&2
    exit 1
}

# With the key, if there is one: others on the machine can read the arguments of a program.
curl() {
    if [[ -n ${EPOCHD_KEY:-} ]]; then
        command curl -K <(printf 'header = "Authorization: Bearer %s"\n' "$EPOCHD_KEY") "$@"
    else
        command curl "$@"
    fi
}

# One call: the method, the path, and what else curl needs. Prints the reply; shows a problem and fails.
api() {
    local reply
    reply=$(curl -sS --fail-with-body -X "$1" "$url$2" "${@:3}") || fail "$1 $2 failed. $reply"
    echo "$reply"
}

# The text of a field of a JSON object.
field() {
    sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'
}

# 404 is fine here: the first run finds nothing to delete.
curl -sS -o /dev/null -X DELETE "$url/models/xor-example" || fail "start epochd first, or name it in EPOCHD_URL"

api POST /models --json '{
    "name": "xor-example", "layers": [2, 2, 1], "activation": "sigmoid", "output_activation": "sigmoid",
    "loss": "mse", "initializer": "normal", "seed": 7}' >/dev/null

# The reply to a training is a job. It waits in a queue, runs, and ends as succeeded, failed or cancelled.
job=$(api POST /models/xor-example/train --json '{
    "inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [0, 1, 1, 0],
    "epochs": 10000, "learning_rate": 0.2, "optimizer": "sgd", "batch_size": "full"}')
id=$(field id <<<"$job")

# With wait, the reply comes when the job has ended, or after so many seconds.
while [[ $(field state <<<"$job") == queued || $(field state <<<"$job") == running ]]; do
    job=$(api GET "/jobs/$id?wait=30")
done
[[ $(field state <<<"$job") == succeeded ]] || fail "the training did not succeed: $job"

api GET "/jobs/$id/epochs?every=100" | grep -o '"epoch":[0-9]*,"loss":[^,]*' |
    awk -F '[:,]' '{ printf "epoch %d  loss %.6f\n", $2, $4 }'

# Four rows in, four rows of one output out: {"model_id":"…","version":1,"outputs":[[0.05],[0.95],…]}
echo
api POST /models/xor-example/predict --json '{"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]]}' |
    awk '{
        sub(/.*"outputs":\[\[/, "")
        sub(/\]\].*/, "")
        rows = split($0, output, /\],\[/)
        split("0,0 0,1 1,0 1,1", input, " ")
        split("0 1 1 0", target, " ")
        for (i = 1; i <= rows; i++) {
            printf "xor(%s) = %.4f  target %d\n", input[i], output[i], target[i]
            if ((output[i] > 0.5) != target[i]) wrong++
        }
        exit rows != 4 || wrong
    }' || fail "a prediction is on the wrong side of 0.5"
