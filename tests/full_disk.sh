#!/usr/bin/env bash
# A disk that fills up under a running service: writes get 507, reads and predictions go on, and when there is room again
# all goes on without a restart, or with one; nothing that was acknowledged is lost. Needs the right to mount a small tmpfs.
#
#   tests/full_disk.sh target/release/epochd
set -euo pipefail
epochd=$1
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; umount -q "$work/disk" || true; rm -rf "$work"' EXIT
mkdir "$work/disk"
mount -t tmpfs -o size=6m none "$work/disk"

fail() {
    echo "$*" >&2
    tail -n 20 "$work/log" >&2
    exit 1
}

start() {
    : >"$work/log" # There before it is looked into: the process below opens it in its own time.
    "$epochd" --listen 127.0.0.1:0 --data-dir "$work/disk/data" --checkpoint-interval 0.2 2>"$work/log" &
    server=$!
    for _ in {1..100}; do
        url=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$work/log")
        [[ -z $url ]] || return 0
        sleep 0.1
    done
    fail 'the service did not start'
}

# Status and body of a request: call PATH [JSON]
call() {
    curl -sS --max-time 60 -o "$work/reply" -w '%{http_code}' "$url$1" ${2:+--json "$2"}
}

start
model='"layers":[2,2,1],"activation":"sigmoid","output_activation":"sigmoid","initializer":"normal","seed":7'
rows='"inputs":[[0,0],[0,1],[1,0],[1,1]],"targets":[0,1,1,0],"batch_size":"full","optimizer":"sgd","learning_rate":0.2'
job() { sed 's/.*"id":"\([^"]*\)","model_id.*/\1/' "$work/reply"; }
[[ $(call /models "{\"name\":\"xor\",$model}") == 201 ]] || fail "no model: $(cat "$work/reply")"
[[ $(call /models/xor/train "{$rows,\"epochs\":500}") == 202 ]] || fail 'no training'
[[ $(call "/jobs/$(job)?wait=30") == 200 ]] || fail 'no job'
[[ $(call /models/xor/predict '{"inputs":[0,1]}') == 200 ]] || fail 'no prediction'
cp "$work/reply" "$work/before"
table=examples/data/penguins.csv
# Status and body of a request with the data file: send PATH
send() {
    curl -sS --max-time 60 -o "$work/reply" -w '%{http_code}' -H 'Content-Type: text/csv' -H 'Accept: text/csv' --data-binary "@$table" "$url$1"
}
[[ $(send '/train?name=penguins&target=species&epochs=2') == 202 ]] || fail "no training of a file: $(cat "$work/reply")"
[[ $(call "/jobs/$(job)?wait=30") == 200 ]] || fail 'no job of a file'
[[ $(send /models/penguins/predict) == 200 ]] || fail "no prediction of a file: $(cat "$work/reply")"
cp "$work/reply" "$work/file-before"

# A training is under way when the disk fills up: it must not be lost.
many=$(printf '[0,1],%.0s' {1..1999}) ones=$(printf '1,%.0s' {1..1999})
[[ $(call /models/xor/train "{\"inputs\":[${many}[1,1]],\"targets\":[${ones}0],\"epochs\":100000,\"max_seconds\":3}") == 202 ]] ||
    fail 'no long training'
long=$(job)
sleep 0.5
dd if=/dev/zero of="$work/disk/filler" bs=64k status=none 2>/dev/null || true
refused=
for i in {1..200}; do
    status=$(call /models "{\"name\":\"m$i\",$model,\"metadata\":{\"a\":\"$(printf '%01000d' "$i")\"}}")
    case $status in
        201) echo "m$i" >>"$work/made" ;;
        507) grep -q '"code":"storage_full"' "$work/reply" || fail "507 without its code: $(cat "$work/reply")"; refused=yes; break ;;
        *) fail "a full disk gave $status: $(cat "$work/reply")" ;;
    esac
done
[[ $refused ]] || fail 'the disk never filled up'
[[ $(call /models/xor/train "{$rows,\"epochs\":5}") == 507 ]] || fail "training on a full disk: $(cat "$work/reply")"
[[ $(call /models/xor/predict '{"inputs":[0,1]}') == 200 ]] || fail "no prediction on a full disk: $(cat "$work/reply")"
cmp -s "$work/reply" "$work/before" || fail 'another prediction on a full disk'
[[ $(send /models/penguins/predict) == 200 ]] || fail "no prediction of a file on a full disk: $(cat "$work/reply")"
cmp -s "$work/reply" "$work/file-before" || fail 'another prediction of a file on a full disk'
[[ $(send /datasets) == 507 ]] || fail "an upload on a full disk: $(cat "$work/reply")"
[[ $(call '/models?limit=1') == 200 && $(call /readyz) == 200 ]] || fail 'no reads on a full disk'
sleep 4
sleep 1
call "/jobs/$long" >/dev/null
grep -q '"state":"running"' "$work/reply" || fail "the long job: $(cat "$work/reply")"

rm "$work/disk/filler"
call "/jobs/$long?wait=60" >/dev/null
grep -q '"state":"succeeded"' "$work/reply" || fail "the long job: $(cat "$work/reply")"
[[ $(call /models "{\"name\":\"after\",$model}") == 201 ]] || fail "no recovery: $(cat "$work/reply")"
# A crash just when the disk is full again: what it left half written is swept, and the service starts.
dd if=/dev/zero of="$work/disk/filler" bs=4k status=none 2>/dev/null || true
for i in {1..5}; do send "/datasets?name=half$i" >/dev/null || true; done
kill -KILL "$server"
wait "$server" 2>/dev/null || true
start
[[ $(call /models/xor/predict '{"inputs":[0,1]}') == 200 ]] || fail "no prediction after a start on a full disk: $(cat "$work/reply")"
rm "$work/disk/filler"
kill -KILL "$server"
wait "$server" 2>/dev/null || true
start
left=$(find "$work/disk/data" -name '*#*')
[[ -z $left ]] || fail "left of a crash: $left"
for name in xor after $(cat "$work/made" 2>/dev/null || true); do
    [[ $(call "/models/$name") == 200 ]] || fail "$name was acknowledged and is lost"
done
[[ $(call /models/xor/versions/1/predict '{"inputs":[0,1]}') == 200 ]] || fail 'no prediction after the restart'
cmp -s "$work/reply" "$work/before" || fail 'another prediction after the restart'
kill -TERM "$server"
wait "$server"
server=
echo 'full disk: writes refused, reads and predictions went on, the running job was published, nothing lost'
