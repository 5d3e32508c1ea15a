# LocalSharedMemory: the door to the build, which CMakeLists.txt describes.
# Every target installs what it needs (tools/setup). `make help` lists them.

PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
SEED ?=

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
CTEST = ctest --output-on-failure --no-tests=error --timeout $(TIME_LIMIT)
# Nothing hangs for ever: TIME_LIMIT is in seconds.
TIME_LIMIT := 540
NODE_TEST = timeout $(TIME_LIMIT) node --test $(JS_TESTS)
JS_TESTS = $(wildcard tests/*.test.js tests/js/*.test.js)
C_FILES = $(shell find $(wildcard src include cli tests examples bench) \
	-name '*.[ch]' -o -name '*.cc' -o -name '*.cpp')

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: all build test test-c test-js test-all test-asan test-tsan test-32 \
	test-package test-installed demo bench install format lint clean help

all: build

## build       index.js, inspect.js, their types, liblshm, lshm (also plain `make`)
build:
	@tools/setup build
	@$(call configure,$(B))
	@cmake --build $(B)

## test        all tests, within ten minutes (SEED=n repeats a random run)
test: test-c test-js test-runtimes

test-c:
	@tools/setup test
	@$(call configure,$(B),-DLSHM_TESTS=ON)
	@cmake --build $(B)
	cd $(B) && $(CTEST)

test-js: test-c
	@test -n "$(JS_TESTS)" || { echo "no tests/js/*.test.js found"; exit 1; }
	$(NODE_TEST)

## test-runtimes  the portable JavaScript tests on Deno, Bun and in browsers, as
##             far as they are installed, once each
test-runtimes: build
	@tools/setup test
	timeout $(RUNTIMES_LIMIT) node tests/runtimes/run.js $(RUNTIMES)
RUNTIMES_LIMIT := 1800
RUNTIMES := --brief

## platforms   the same on all of them, and writes docs/PLATFORMS.md
platforms: build
	@tools/setup runtimes
	node tests/runtimes/run.js --all --write

.PHONY: test-runtimes platforms

## test-all    longer: every test at full length, sanitizers, 32 bits, the
##             packed and the installed package, lint
test-all: export LSHM_LONG := 1
test-all: TIME_LIMIT := 2400
test-all: RUNTIMES := --all
test-all: test-setup-long lint test test-asan test-tsan test-32 \
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

comma := ,

# The JavaScript tests, at their normal length, on the npm package as it would be
# published.
test-package:
	@tools/setup test
	@$(call configure,$(B),-DLSHM_TESTS=ON)
	@cmake --build $(B)
	rm -rf build/package
	mkdir -p build/package
	npm pack --silent --ignore-scripts --pack-destination build/package
	echo '{ "private": true, "type": "module" }' >build/package/package.json
	cd build/package && npm install --silent --ignore-scripts ./*.tgz
	LSHM_MODULE="$(CURDIR)/build/package/node_modules/localsharedmemory/index.js" \
		env -u LSHM_LONG $(NODE_TEST)

# The C tests on the installed library.
test-installed:
	@rm -rf build/stage build/installed
	@$(MAKE) install PREFIX=build/stage
	$(call native_tests,installed,-DLSHM_INSTALLED=ON \
		"-DCMAKE_PREFIX_PATH=$(CURDIR)/build/stage")
	export PKG_CONFIG_PATH=build/stage/lib/pkgconfig; \
	printf '#include <lshm.h>\nint main(void) { return lshm_version() == 0; }' | \
		$(CC) -x c - -o build/stage/by-pkg-config \
		$$(pkg-config --cflags --libs lshm) && \
	LD_LIBRARY_PATH=build/stage/lib build/stage/by-pkg-config

## demo        several workers index a body of text in one heap (PATHS=...)
demo: build
	node examples/demo/run.js $(PATHS)

## bench       times against other allocators
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
	@$(call configure,build/lint,-DLSHM_WERROR=ON -DLSHM_TESTS=ON \
		-DCMAKE_C_COMPILER=$$(command -v clang-14 clang | head -n 1))
	@cmake --build build/lint
	clang-tidy --quiet -p build/lint src/*.c src/native/*.c \
		src/picture/picture.c cli/*.c

## clean       removes what was built (not .node and node_modules)
clean:
	rm -rf build index.js index.d.ts inspect.js inspect.d.ts

## help        this list
help:
	@sed -n 's/^## //p' Makefile
