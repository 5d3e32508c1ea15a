# inspect.js: the second JavaScript module. It carries two small WebAssembly
# modules: `inspect` over the heap's memory, under the rules of cmake/wasm.cmake,
# and `picture`, which draws, with a memory, a stack and data of its own.

# What regions.c calls; the linker takes the functions that are needed of them.
set(inspect_sources src/inline.c src/span.c src/slab.c src/slow.c src/thread.c
	src/cache.c src/wasm/host.c src/regions.c src/wasm/inspect.c)
set(inspect_unit ${wasm_dir}/inspect)
list(TRANSFORM inspect_sources REPLACE "^src/(.+)" "#include \"\\1\"\n"
	OUTPUT_VARIABLE inspect_includes)
list(JOIN inspect_includes "" inspect_includes)
file(CONFIGURE OUTPUT ${inspect_unit}.c CONTENT "${inspect_includes}" @ONLY)
add_custom_command(OUTPUT ${inspect_unit}.o
	COMMAND ${wasm_compile} -Oz -MD -MF ${inspect_unit}.d
		-c ${inspect_unit}.c -o ${inspect_unit}.o
	DEPENDS ${inspect_unit}.c ${inspect_sources}
	DEPFILE ${inspect_unit}.d
	COMMENT "Compiling inspect.wasm"
	VERBATIM)
add_custom_command(OUTPUT ${inspect_unit}.wasm
	COMMAND ${wasm_link} --strip-all --export=region_next --export=region_scratch
		--export=heap_committed --export=heap_maximum
		${inspect_unit}.o -o ${inspect_unit}.wasm
	COMMAND ${LSHM_WASM_OPT} ${wasm_optimise} ${inspect_unit}.wasm
		-o ${inspect_unit}.wasm
	DEPENDS ${inspect_unit}.o
	COMMENT "Linking inspect.wasm"
	VERBATIM)

set(picture_sources src/picture/picture.c src/picture/wasm.c)
set(picture_unit ${wasm_dir}/picture)
list(TRANSFORM picture_sources REPLACE "^src/(.+)" "#include \"\\1\"\n"
	OUTPUT_VARIABLE picture_includes)
list(JOIN picture_includes "" picture_includes)
file(CONFIGURE OUTPUT ${picture_unit}.c CONTENT "${picture_includes}" @ONLY)
add_custom_command(OUTPUT ${picture_unit}.wasm
	COMMAND ${LSHM_CLANG} --target=wasm32 -std=c11 -Oz -ffreestanding -nostdlib
		-mbulk-memory -fvisibility=hidden ${lshm_warnings}
		-I${CMAKE_CURRENT_SOURCE_DIR}/src -MD -MF ${picture_unit}.d
		-c ${picture_unit}.c -o ${picture_unit}.o
	COMMAND ${LSHM_WASM_LD} --no-entry --stack-first -z stack-size=8192
		--strip-all --compress-relocations --export=region_buffer
		--export=title_buffer --export=title_bytes --export=begin --export=add
		--export=end ${picture_unit}.o -o ${picture_unit}.wasm
	COMMAND ${LSHM_WASM_OPT} -Oz --enable-bulk-memory --strip-producers
		--strip-target-features ${picture_unit}.wasm -o ${picture_unit}.wasm
	DEPENDS ${picture_unit}.c ${picture_sources}
	DEPFILE ${picture_unit}.d
	COMMENT "Building picture.wasm"
	VERBATIM)

set(inspect_source ${CMAKE_CURRENT_BINARY_DIR}/inspect-with-picture.js)
add_custom_command(OUTPUT ${CMAKE_CURRENT_SOURCE_DIR}/inspect.js
	COMMAND ${LSHM_NODE} tools/embed-picture.js js/inspect.js
		${picture_unit}.wasm ${inspect_source}
	COMMAND ${LSHM_NODE} tools/embed.js --source ${inspect_source}
		--errors include/lshm_errors.h --package package.json --out inspect.js
		--object=${inspect_unit}.o --module=${inspect_unit}.wasm
	WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
	DEPENDS ${inspect_unit}.o ${inspect_unit}.wasm ${picture_unit}.wasm
		js/inspect.js include/lshm_errors.h package.json
		tools/embed.js tools/embed-picture.js tools/wasm.js
	COMMENT "Writing inspect.js"
	VERBATIM)
# One run of the compiler writes the types of both modules.
add_custom_command(OUTPUT ${CMAKE_CURRENT_SOURCE_DIR}/inspect.d.ts
	COMMAND ${LSHM_NODE} ${tsc} --project js/tsconfig.json
	WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
	DEPENDS js/inspect.js ${CMAKE_CURRENT_SOURCE_DIR}/index.d.ts
	COMMENT "Writing inspect.d.ts"
	VERBATIM)
add_custom_target(inspect ALL DEPENDS
	${CMAKE_CURRENT_SOURCE_DIR}/inspect.js
	${CMAKE_CURRENT_SOURCE_DIR}/inspect.d.ts)
add_dependencies(inspect javascript)
