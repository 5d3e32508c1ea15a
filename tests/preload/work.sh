#!/bin/sh
# work.sh PROGRAM - does some of the program's usual work in the current, empty
# directory and prints what came of it, which is the same every time.
# SIZE=n (1) does n times as much.
set -eu
size=${SIZE:-1}
here=$(cd "$(dirname "$0")/../.." && pwd)

work_python3() {
	python3 - "$size" <<'PYTHON'
import hashlib, json, multiprocessing, random, re, subprocess, sys, threading

def words(seed, count):
    source = random.Random(seed)
    return ["".join(source.choices("abcdefgh", k=source.randint(1, 9))) for _ in range(count)]

def index(seed):
    found = {}
    for place, word in enumerate(words(seed, 20000)):
        found.setdefault(word, []).append(place)
    text = json.dumps(found, sort_keys=True)
    again = json.loads(text)
    return hashlib.sha256(json.dumps(again, sort_keys=True).encode()).hexdigest()

results = {}
size = int(sys.argv[1])
for round in range(size):
    threads = [threading.Thread(target=lambda i=i: results.__setitem__(i, index(i))) for i in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
with multiprocessing.get_context("fork").Pool(3) as pool:
    print(pool.map(index, range(4)) == [results[i] for i in range(4)], results[3])
print(subprocess.run(["sort"], input="b\na\n", capture_output=True, text=True).stdout)
print(len(re.findall(r"a(?:b|c)+d", " ".join(words(9, 50000 * size)))))
PYTHON
}

work_git() {
	git() {
		command git -c user.name=N -c user.email=e@example.org -c gc.auto=0 \
			-c core.fsync=none -c init.defaultBranch=main "$@"
	}
	export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1
	export GIT_AUTHOR_DATE="2020-01-01T00:00:00Z" GIT_COMMITTER_DATE="2020-01-01T00:00:00Z"
	git init --quiet repository
	cd repository
	for round in $(seq "$((size * 3))"); do
		mkdir -p "round$round"
		cp -r "$here/src" "$here/js" "$here/tests" "round$round"
		git add .
		git commit --quiet -m "round $round"
	done
	git repack -q -a -d --threads=2
	git fsck --no-progress
	git log --stat --format=%T
	git grep -c static | sort
	git diff HEAD~1 | wc -l
}

work_sqlite3() {
	sqlite3 data.db <<SQL
create table t(a integer, b text);
with recursive c(x) as (select 1 union all select x + 1 from c where x < 60000 * $size)
  insert into t select x, hex(x * 7919 % 100003) from c;
create index i on t(b);
delete from t where a % 3 = 0;
update t set b = b || a where a % 5 = 0;
select count(*), sum(a), min(b), max(b) from t where b > '5';
select substr(b, 1, 2) as k, count(*) from t group by k order by 2 desc, 1 limit 20;
select group_concat(b) from (select b from t order by a desc limit 1000);
vacuum;
pragma integrity_check;
SQL
}

work_gcc() {
	for round in $(seq "$size"); do
		for file in check span; do
			gcc -O2 -g0 -I "$here/include" -I "$here/src" -I "$here/src/native" \
				-o "$file.s" -S "$here/src/$file.c"
		done
	done
	gcc -O0 -pthread -I "$here/include" -I "$here/src" -I "$here/src/native" \
		-DLSHM_BUILD_VERSION='"0"' -shared -fPIC -Wl,--build-id=none \
		-o all.so "$here"/src/lshm_all.c
	cksum check.s span.s all.so
}

work_node() {
	cat >work.mjs <<'JAVASCRIPT'
import { createHash } from "node:crypto";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { deflateSync, inflateSync } from "node:zlib";
const size = Number(process.env.SIZE ?? 1);
if (isMainThread) {
  const one = (i) => new Promise((resolve, reject) => {
    new Worker(new URL(import.meta.url), { workerData: i })
      .on("message", resolve).on("error", reject);
  });
  console.log(await Promise.all([0, 1, 2].map(one)));
} else {
  const things = [];
  for (let i = 0; i < 60000 * size; i++) things.push({ i, text: `${i * 7919}`, list: [i, i + 1] });
  const text = JSON.stringify(things);
  const back = inflateSync(deflateSync(Buffer.from(text))).toString();
  parentPort.postMessage([workerData, createHash("sha256").update(back).digest("hex")]);
}
JAVASCRIPT
	node work.mjs
}

work_perl() {
	perl - "$size" <<'PERL'
use strict;
my ($size, %count, @lines) = @ARGV;
srand(7);
for my $i (1 .. 60000 * $size) {
	my $line = join "-", map { $i * 7919 % (97 + $_) } 0 .. 5;
	push @lines, $line;
	$count{$_}++ for split /-/, $line;
}
my $text = join "\n", sort @lines;
my $matches = () = $text =~ /\b1(\d)-\1/g;
print "$matches ", length($text), "\n";
print join(" ", map { "$_=$count{$_}" } sort { $count{$b} <=> $count{$a} || $a <=> $b } keys %count), "\n";
my $pid = fork() // die;
if (!$pid) { $text =~ s/-/+/g; print length($text), "\n"; exit }
waitpid $pid, 0;
print "$?\n";
PERL
}

case ${1-} in
python3 | git | sqlite3 | gcc | node | perl) "work_$1" ;;
*)
	echo "work.sh: expected python3, git, sqlite3, gcc, node or perl" >&2
	exit 2
	;;
esac
