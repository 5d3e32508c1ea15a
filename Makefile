# LocalSharedMemory: the door to the build, which CMakeLists.txt describes.
# Every target installs what it needs (tools/setup). `make help` lists them.

PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
SEED ?=
KILLS ?= 10000
SCHEDULES ?= 10000000

# A Node that tools/setup brought comes first.
export PATH := $(CURDIR)/.node/bin:$(PATH)
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
ifneq ($(SEED),)
export LSHM_SEED := $(SEED)
endif

B := build/release
# Where tests and examples find what was built.
export LSHM_BUILD := $(CURDIR)/$(B)
# $(call configure,build directory,options)
configure = cmake -Wno-dev -S . -B $(1) $(2) >/dev/null
CTEST = ctest -j $(JOBS) --output-on-failure --no-tests=error --timeout $(TIME_LIMIT)
# Nothing hangs for ever: TIME_LIMIT is in seconds.
TIME_LIMIT := 540
NODE_TEST = timeout $(TIME_LIMIT) node --test --test-concurrency=2 $(JS_TESTS)
JS_TESTS = $(wildcard tests/*.test.js tests/js/*.test.js)
C_FILES = $(shell find $(wildcard src include cli tests examples bench) \
	-name '*.[ch]' -o -name '*.cc' -o -name '*.cpp')

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: all build page test test-c test-js test-models test-mutations test-all \
	test-asan test-tsan test-32 test-package test-installed test-fuzz demo bench \
	install deb docs format lint clean help

all: build

## build       index.js, inspect.js, their types, liblshm, lshm (also plain `make`)
build:
	@tools/setup build
	@$(call configure,$(B))
	@cmake --build $(B)

## test        all tests, within ten minutes (SEED=n repeats a random run)
test: test-c test-js test-models

test-c:
	@tools/setup test
	@$(call configure,$(B),-DLSHM_TESTS=ON)
	@cmake --build $(B)
	cd $(B) && $(CTEST)

test-js: test-c
	@test -n "$(JS_TESTS)" || { echo "no tests/js/*.test.js found"; exit 1; }
	$(NODE_TEST)

# The models of the protocols; those of the real core are test-c's (c.sched).
test-models:
	@tools/setup test
	timeout $(TIME_LIMIT) python3 -B tests/models/run.py

## test-mutations  breaks each protocol, and shows which test or model catches it
test-mutations:
	@tools/setup test
	timeout $(TIME_LIMIT) python3 -B tests/mutations/run.py

## test-runtimes  the portable JavaScript tests on Deno, Bun and in browsers, as
##             far as they are installed, once each (LSHM_LONG=1: on all, everywhere)
test: test-runtimes
test-runtimes: build
	@tools/setup $(if $(LSHM_LONG),runtimes,test)
	timeout $(TIME_LIMIT) node tests/runtimes/run.js \
		$(if $(LSHM_LONG),--all,--brief)

## platforms   the same on all of them, and writes docs/PLATFORMS.md
platforms: build
	@tools/setup runtimes
	node tests/runtimes/run.js --all --write

.PHONY: test-runtimes platforms

## test-all    longer: every test at full length, every runtime and browser,
##             sanitizers, 32 bits, the packed and the installed package, lint
test-all: export LSHM_LONG := 1
test-all: TIME_LIMIT := 2400
test-all: test-setup-long lint test test-mutations test-asan test-tsan test-32 \
	test-package test-installed

.PHONY: test-setup-long
test-setup-long:
	@tools/setup long

# $(call native_tests,name,cmake options,wrapper): the C tests on another build,
# at their normal length.
define native_tests
@tools/setup long
@$(call configure,build/$(1),-DLSHM_WASM=OFF -DLSHM_TESTS=ON $(2))
@cmake --build build/$(1)
cd build/$(1) && env -u LSHM_LONG $(3) $(CTEST)
endef

test-asan:
	$(call native_tests,asan,-DLSHM_SANITIZE=address$(comma)undefined)

# The thread sanitizer wants its addresses where they are without randomising.
test-tsan:
	$(call native_tests,tsan,-DLSHM_SANITIZE=thread,setarch -R)

test-32:
ifeq ($(shell uname -m),x86_64)
	$(call native_tests,32,-DCMAKE_C_FLAGS=-m32 -DCMAKE_CXX_FLAGS=-m32)
else
	@echo "test-32: for x86-64 alone, this is $(shell uname -m)"
endif

# Short tests, on the build that users have: uninitialised bytes, and leaks.
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full \
	--errors-for-leak-kinds=definite --show-leak-kinds=definite --child-silent-after-fork=yes
test-all: test-valgrind
.PHONY: test-valgrind
test-valgrind:
	@tools/setup long
	@$(call configure,$(B),-DLSHM_TESTS=ON)
	@cmake --build $(B)
	for test in api bad header invariants permissions; do \
		env -u LSHM_LONG timeout $(TIME_LIMIT) $(VALGRIND) $(B)/tests/test_$$test || exit 1; \
	done

comma := ,

## soak        all that runs for hours: the two below
## soak-kills  kills at every instruction, KILLS of each storm (10000), the models, and
##             of the widest schedules SCHEDULES of each kind (10000000; 0: all, days)
.PHONY: soak soak-kills
soak: soak-kills
soak-kills: export LSHM_SOAK := 1
soak-kills: export LSHM_KILLS := $(KILLS)
soak-kills: export LSHM_SCHEDULES := $(SCHEDULES)
soak-kills: TIME_LIMIT := 86400
soak-kills: build
	@tools/setup test
	@$(call configure,$(B),-DLSHM_TESTS=ON)
	@cmake --build $(B)
	cd $(B) && $(CTEST) --verbose -R '^c\.(deaths|kills|names)$$'
	timeout $(TIME_LIMIT) node --test tests/js/kills.test.js tests/js/torn.test.js
	timeout $(TIME_LIMIT) python3 -B tests/models/run.py
	cd $(B) && $(CTEST) --verbose -R '^c\.sched'

## test-fuzz   fuzzes, FUZZ_SECONDS for each target (8; in test-all 60)
FUZZ_SECONDS ?= $(if $(LSHM_LONG),60,8)
test: test-fuzz
test-fuzz:
	@tools/setup fuzz
	@$(call configure,build/fuzz,-DLSHM_WASM=OFF -DLSHM_EXAMPLES=OFF -DLSHM_FUZZ=ON \
		-DLSHM_SANITIZE=fuzzer-no-link$(comma)address$(comma)undefined \
		-DCMAKE_C_COMPILER=$$(command -v clang-14 || command -v clang))
	@cmake --build build/fuzz
	@tests/fuzz/run.sh build/fuzz/tests/fuzz $(FUZZ_SECONDS)

## figures     measures what SECURITY.md quotes, and writes it there
.PHONY: figures
figures:
	@tools/setup test
	@$(call configure,$(B),-DLSHM_TESTS=ON)
	@cmake --build $(B)
	sh tests/c/misuse.sh $(B)/tests/test_misuse SECURITY.md write

## soak-fuzz   two fuzzers, a hostile process and a hostile worker, for SOAK_SECONDS
##             each (3600)
SOAK_SECONDS ?= 3600
.PHONY: soak soak-fuzz
soak: soak-fuzz
soak-fuzz:
	$(MAKE) test-fuzz FUZZ_SECONDS=$(SOAK_SECONDS)
	@$(call configure,build/asan,-DLSHM_WASM=OFF -DLSHM_TESTS=ON \
		-DLSHM_SANITIZE=address$(comma)undefined)
	@cmake --build build/asan --target test_hostile
	LSHM_SECONDS=$(SOAK_SECONDS) build/asan/tests/test_hostile
	@$(MAKE) build
	LSHM_SECONDS=$(SOAK_SECONDS) node --test tests/js/hostile.test.js

# The JavaScript tests, at their normal length, on the npm package as it would be
# published; and that package through bundlers, in a page and its worker.
test-package:
	@tools/setup long
	@$(call configure,$(B),-DLSHM_TESTS=ON)
	@cmake --build $(B)
	rm -rf build/package
	mkdir -p build/package
	npm pack --silent --ignore-scripts --pack-destination build/package
	echo '{ "private": true, "type": "module" }' >build/package/package.json
	cd build/package && npm install --silent --ignore-scripts ./*.tgz
	LSHM_MODULE="$(CURDIR)/build/package/node_modules/localsharedmemory/index.js" \
		env -u LSHM_LONG $(NODE_TEST)
	timeout $(TIME_LIMIT) node --test tests/package/*.test.js

# The C tests on the installed library, and what a user builds with it; the same
# from the Debian package.
test-installed:
	@rm -rf build/stage build/installed
	@$(MAKE) install PREFIX=build/stage
	$(call native_tests,installed,-DLSHM_INSTALLED=ON \
		"-DCMAKE_PREFIX_PATH=$(CURDIR)/build/stage")
	CC="$(CC)" sh tests/c/installed.sh . build/stage
ifneq ($(shell command -v dpkg),)
	@$(MAKE) deb
	CC="$(CC)" sh tests/c/debian.sh . build/deb/*.deb
else
	@echo "test-installed: left out the Debian package: there is no dpkg here"
endif

## demo        several workers index a body of text in one heap (PATHS=...)
demo: build
	node examples/demo/run.js $(PATHS)

## page        serves a page on which one sees a heap at work (PORT=n)
page: build
	node examples/page/serve.js $(PORT)

## bench       times against other allocators (BENCH_QUICK=1 to try)
bench:
	@tools/setup bench
	@$(call configure,$(B),-DLSHM_BENCH=ON)
	@cmake --build $(B)
	node bench/run.js

## install     the C library and the lshm command into PREFIX (/usr/local), below DESTDIR if set
install:
	@tools/setup library
	@$(call configure,build/install,-DLSHM_WASM=OFF -DLSHM_EXAMPLES=OFF \
		"-DCMAKE_INSTALL_PREFIX:PATH=$(PREFIX)")
	@cmake --build build/install
	cmake --install build/install

## deb         a Debian package of the C library, in build/deb
deb:
	@tools/setup deb
	@$(call configure,build/deb,-DLSHM_WASM=OFF -DLSHM_EXAMPLES=OFF \
		-DCMAKE_INSTALL_PREFIX=/usr)
	@cmake --build build/deb
	rm -f build/deb/*.deb
	cd build/deb && cpack -G DEB

## docs        docs/api and docs/man from the comments in js/ and lshm.h
docs:
	@tools/setup build
	$(TYPEDOC)
	node tools/man.js docs/man

TYPEDOC := node node_modules/typedoc/bin/typedoc --logLevel Warn

## format      formats C and JavaScript
format:
	@tools/setup lint
	clang-format -i $(C_FILES)
	node_modules/.bin/prettier --log-level warn --write .

## lint        warnings of compilers, linters and formatters are errors
lint: build
	@tools/setup lint
	clang-format --dry-run --Werror $(C_FILES)
	node_modules/.bin/prettier --log-level warn --check .
	node_modules/.bin/eslint .
	node node_modules/typescript/bin/tsc --project tsconfig.json
	node node_modules/typescript/bin/tsc --project js/tsconfig.json
	$(TYPEDOC) --out build/docs/api
	node tools/man.js build/docs/man
	diff -r docs/api build/docs/api && diff -r -x '*.1' docs/man build/docs/man || \
		{ echo "run make docs"; exit 1; }
	mandoc -T lint -W warning docs/man/*.[13]
	@$(call configure,build/lint,-DLSHM_WERROR=ON -DLSHM_TESTS=ON \
		-DCMAKE_C_COMPILER=$$(command -v clang-14 clang | head -n 1))
	@cmake --build build/lint
	echo $(filter-out src/lshm_all.c,$(wildcard \
		src/*.c src/native/*.c src/picture/picture.c src/preload/*.c cli/*.c)) | \
		xargs -n 4 -P $(JOBS) clang-tidy --quiet -p build/lint

## clean       removes what was built (not .node and node_modules)
clean:
	rm -rf build index.js index.d.ts inspect.js inspect.d.ts

## help        this list
help:
	@sed -n 's/^## //p' Makefile
