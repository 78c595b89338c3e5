#!/usr/bin/env bash
# Trains a network on four fifths of 1,797 handwritten digits, shows how its loss falls, lets it read one digit of the
# other fifth, and measures it on all of them.
#
#   examples/digits.sh                                    # asks the service at http://127.0.0.1:8080
#   EPOCHD_URL=http://127.0.0.1:9000 examples/digits.sh   # or elsewhere
#
# Needs curl 7.82 or newer. Run it as often as you like: it begins by deleting the model digits-example.
set -euo pipefail
export LC_ALL=C
url=${EPOCHD_URL:-http://127.0.0.1:8080}
[[ $0 != */* ]] || cd "${0%/*}"

fail() {
    echo "digits.sh: $*" >&2
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

# The rows for which a condition of awk holds as {"inputs": …, "targets": …}, pixels scaled from 0–16 to 0–1, and
# further fields. The file goes from writer to writer; every fifth row is held out, so both parts have all writers.
rows() {
    awk -F , 'NR > 1 && ('"$1"') {
        for (i = 1; i <= 64; i++) inputs = inputs (i > 1 ? "," : count ? ",[" : "[") $i / 16
        inputs = inputs "]"
        targets = targets (count++ ? "," : "") $65
    } END { printf "{\"inputs\":[%s],\"targets\":[%s]%s}", inputs, targets, more }' more="${2-}" data/digits.csv
}

# 404 is fine here: the first run finds nothing to delete.
curl -sS -o /dev/null -X DELETE "$url/models/digits-example" || fail "start epochd first, or name it in EPOCHD_URL"
api POST /models --json '{"name": "digits-example", "layers": [64, 128, 64, 10], "activation": "relu",
    "loss": "cross_entropy", "seed": 1}' >/dev/null

settings='"epochs": 30, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.005,
    "learning_rate_schedule": "one_cycle"'
job=$(rows '(NR - 2) % 5 != 0' ", $settings" | api POST /models/digits-example/train --json @- |
    sed 's/.*"id":"\([^"]*\)".*/\1/')

# Events come while the job runs, epochs at most 20 a second, and end with it.
while IFS= read -r line; do
    [[ $line =~ ^'data: {"epoch":'([0-9]+)',"loss":'([^,]+) ]] || continue
    printf 'epoch %2d  loss %.4f\n' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
done < <(curl -sSN "$url/jobs/$job/events")
ended=$(api GET "/jobs/$job")
[[ $ended == *'"state":"succeeded"'* ]] || fail "the training did not succeed: $ended"

# Line 47 of the file is one of the rows held out: here as a picture, and what the model reads in it.
awk -F , 'NR == 47 {
    for (i = 1; i <= 64; i++) {
        shade = substr(" .:-=+*#%@", int($i * 9 / 16) + 1, 1)
        printf "%s%s%s", i % 8 == 1 ? "\n    " : "", shade, shade
    }
    printf "\n\nwritten: %d\n", $65
}' data/digits.csv
rows 'NR == 47' | sed 's/,"targets.*/}/' | api POST /models/digits-example/predict --json @- | awk '{
    gsub(/.*\[\[|\]\].*/, "")
    classes = split($0, probability, ",")
    for (i = best = 1; i <= classes; i++) if (probability[i] > probability[best]) best = i
    printf "read:    %d, with probability %.4f\n", best - 1, probability[best]
}'

rows '(NR - 2) % 5 == 0' | api POST /models/digits-example/evaluate --json @- | awk '{
    accuracy = matrix = $0
    gsub(/.*"accuracy":|,.*/, "", accuracy)
    gsub(/.*"confusion_matrix":\[\[|\]\].*/, "", matrix)
    print "\nheld-out rows, as written (down) and as read (across):\n\n       0   1   2   3   4   5   6   7   8   9"
    classes = split(matrix, row, /\],\[/)
    for (i = 1; i <= classes; i++) {
        printf "%4d", i - 1
        split(row[i], count, ",")
        for (j = 1; j <= classes; j++) printf "%4s", (count[j] > 0 ? count[j] : ".")
        print ""
    }
    printf "\naccuracy on the held-out rows: %.2f %%\n", 100 * accuracy
    exit accuracy < 0.97
}' || fail "the accuracy is below 97 %"
