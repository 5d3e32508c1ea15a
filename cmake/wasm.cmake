# The core as WebAssembly, and the JavaScript module that carries it.
#
# It is compiled as two units, the FAST sources at -O2, the others at -Oz, linked as
# one module, and cut into several of at most 4,096 bytes: some browsers compile no
# larger one synchronously. What a module calls of another one that stands before it
# in the list, it imports. Which functions stand where is said in
# wasm-modules.cmake:
#
#   lshm_wasm_module(NAME JAVASCRIPT function... [WITH function...])

find_program(LSHM_CLANG NAMES clang-14 clang REQUIRED
	DOC "clang that compiles the core for wasm32")
find_program(LSHM_WASM_LD NAMES wasm-ld-14 wasm-ld REQUIRED
	DOC "lld's WebAssembly linker")
find_program(LSHM_WASM_OPT NAMES wasm-opt REQUIRED DOC "binaryen's optimiser")
find_program(LSHM_NODE NAMES node REQUIRED DOC "Node 20 or newer")

# clang only ever compiles: as a linker driver it runs wasm-opt by itself, without
# being told of atomics.
set(wasm_compile ${LSHM_CLANG} --target=wasm32 -std=c11 -ffreestanding
	-fno-builtin -nostdlib -matomics -mbulk-memory -mmutable-globals
	-fvisibility=hidden -fno-jump-tables ${lshm_warnings}
	-I${CMAKE_CURRENT_SOURCE_DIR}/src
	-I${CMAKE_CURRENT_SOURCE_DIR}/src/wasm)
# No stack: all threads' instances would share one. --max-memory is what the
# import declares, and it accepts every memory with a smaller maximum.
set(wasm_link ${LSHM_WASM_LD} --no-entry --import-memory --shared-memory
	--max-memory=4294967296 --stack-first -z stack-size=0 --compress-relocations)

# A tenth smaller, and simpler for engines that hardly optimise.
# No pointer is so low that an offset would wrap it (-lmu).
set(wasm_optimise -Oz --converge -lmu --enable-threads --enable-bulk-memory
	--enable-mutable-globals --strip-producers --strip-target-features)

set(wasm_dir ${CMAKE_CURRENT_BINARY_DIR}/wasm)
file(MAKE_DIRECTORY ${wasm_dir})
set(wasm_exports)
set(wasm_cuts) # as file=function,...
set(wasm_texts)
set(wasm_modules)

function(lshm_wasm_module name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "JAVASCRIPT;WITH")
	set(module ${wasm_dir}/${name}.wasm)
	list(APPEND functions ${arg_JAVASCRIPT} ${arg_WITH})
	list(JOIN functions "," functions)
	add_custom_command(OUTPUT ${module}
		COMMAND ${LSHM_WASM_OPT} ${wasm_optimise} ${wasm_dir}/${name}.wat
			-o ${module}
		DEPENDS ${wasm_dir}/${name}.wat
		COMMENT "Building ${name}.wasm"
		VERBATIM)
	set(wasm_exports ${wasm_exports} ${arg_JAVASCRIPT} PARENT_SCOPE)
	set(wasm_cuts ${wasm_cuts} ${wasm_dir}/${name}.wat=${functions} PARENT_SCOPE)
	set(wasm_texts ${wasm_texts} ${wasm_dir}/${name}.wat PARENT_SCOPE)
	set(wasm_modules ${wasm_modules} ${module} PARENT_SCOPE)
endfunction()

include(cmake/wasm-modules.cmake)

set(wasm_level_fast -O2 -mllvm -inlinehint-threshold=0)
# Without loop strength reduction, which adds variables, and with less inlining
# than even -Oz does.
set(wasm_level_small -Oz -mllvm -disable-lsr -mllvm -inline-threshold=-100)
set(wasm_objects)
foreach(kind fast small)
	set(unit ${wasm_dir}/${kind})
	list(TRANSFORM wasm_${kind} REPLACE "(.+)" "#include \"\\1\"\n"
		OUTPUT_VARIABLE includes)
	list(JOIN includes "" includes)
	file(CONFIGURE OUTPUT ${unit}.c CONTENT "${includes}" @ONLY)
	list(TRANSFORM wasm_${kind} PREPEND src/)
	add_custom_command(OUTPUT ${unit}.o
		COMMAND ${wasm_compile} ${wasm_level_${kind}} -MD -MF ${unit}.d
			-c ${unit}.c -o ${unit}.o
		DEPENDS ${unit}.c ${wasm_${kind}}
		DEPFILE ${unit}.d
		COMMENT "Compiling the core for WebAssembly (${kind})"
		VERBATIM)
	list(APPEND wasm_objects ${unit}.o)
endforeach()

# What is larger stays a function, so that it can stand in another module than its
# only caller.
set(wasm_names ${wasm_dir}/names.json)
list(TRANSFORM wasm_exports PREPEND --export= OUTPUT_VARIABLE exports)
add_custom_command(OUTPUT ${wasm_texts} ${wasm_names}
	COMMAND ${wasm_link} --strip-debug ${exports} ${wasm_objects} -o ${wasm_dir}/core.wasm
	COMMAND ${LSHM_WASM_OPT} ${wasm_optimise} --one-caller-inline-max-function-size=100
		--debuginfo ${wasm_dir}/core.wasm
		--emit-text -o ${wasm_dir}/core.wat
	COMMAND ${LSHM_NODE} tools/cut.js ${wasm_dir}/core.wat ${wasm_names} ${wasm_cuts}
	WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
	DEPENDS ${wasm_objects} tools/cut.js cmake/wasm-modules.cmake
	COMMENT "Linking and cutting the core"
	VERBATIM)

# index.js: the hand-written source with the modules, the error table and the
# version put in. index.d.ts: its types, from JSDoc.
list(TRANSFORM wasm_objects PREPEND --object= OUTPUT_VARIABLE embed_objects)
list(TRANSFORM wasm_modules PREPEND --module= OUTPUT_VARIABLE embed_modules)
set(tsc ${CMAKE_CURRENT_SOURCE_DIR}/node_modules/typescript/bin/tsc)
add_custom_command(OUTPUT ${CMAKE_CURRENT_SOURCE_DIR}/index.js
	COMMAND ${LSHM_NODE} tools/embed.js --source js/index.js
		--errors include/lshm_errors.h --package package.json --out index.js
		--names ${wasm_names} ${embed_objects} ${embed_modules}
	WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
	DEPENDS ${wasm_objects} ${wasm_modules} ${wasm_names} js/index.js include/lshm_errors.h
		package.json tools/embed.js tools/wasm.js
	COMMENT "Writing index.js"
	VERBATIM)
add_custom_command(OUTPUT ${CMAKE_CURRENT_SOURCE_DIR}/index.d.ts
	COMMAND ${LSHM_NODE} ${tsc} --project js/tsconfig.json
	WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
	DEPENDS js/index.js js/tsconfig.json tsconfig.json
	COMMENT "Writing index.d.ts"
	VERBATIM)
add_custom_target(javascript ALL DEPENDS
	${CMAKE_CURRENT_SOURCE_DIR}/index.js ${CMAKE_CURRENT_SOURCE_DIR}/index.d.ts)
