# The core as WebAssembly, and the JavaScript module that carries it.
#
# Several modules, each at most 4,096 bytes: some browsers compile no larger
# one synchronously. A module calls the functions of those above it in the
# list: what it leaves undefined becomes an import from "env".
#
#   lshm_wasm_module(NAME [FAST file...] [SMALL file...]
#                    EXPORTS function... JAVASCRIPT function...)
#
# The files of one list are compiled as one unit, FAST ones at -O2, the others at
# -Oz: a helper that several of them use then exists once, which makes the whole
# a fifth smaller. EXPORTS are for modules below in the list, JAVASCRIPT for
# index.js; all are linked by short names, which embed.js tells index.js. The
# calls stand in wasm-modules.cmake.

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
	--max-memory=4294967296 --stack-first -z stack-size=0 --strip-all --compress-relocations
	--allow-undefined)

# A tenth smaller, and simpler for engines that hardly optimise.
# No pointer is so low that an offset would wrap it (-lmu).
set(wasm_optimise -Oz --converge -lmu --enable-threads --enable-bulk-memory
	--enable-mutable-globals --strip-producers --strip-target-features)

set(wasm_dir ${CMAKE_CURRENT_BINARY_DIR}/wasm)
file(MAKE_DIRECTORY ${wasm_dir})
set(wasm_objects)
set(wasm_modules)

set(wasm_functions)
set(wasm_names) # as function=export, of those for JavaScript

# Sets `name` to what the function is linked as.
macro(lshm_wasm_name name function)
	list(FIND wasm_functions ${function} number)
	if(number EQUAL -1)
		list(LENGTH wasm_functions number)
		list(APPEND wasm_functions ${function})
	endif()
	set(${name} _${number})
endmacro()

function(lshm_wasm_module name)
	cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "FAST;SMALL;EXPORTS;JAVASCRIPT")
	set(level_FAST -O2 -mllvm -inlinehint-threshold=0)
	# Without loop strength reduction, which adds variables, and with less inlining
	# than even -Oz does.
	set(level_SMALL -Oz -mllvm -disable-lsr -mllvm -inline-threshold=-100)
	set(objects)
	foreach(kind FAST SMALL)
		if(NOT arg_${kind})
			continue()
		endif()
		set(unit ${wasm_dir}/${name}-${kind})
		list(TRANSFORM arg_${kind} REPLACE "(.+)" "#include \"\\1\"\n"
			OUTPUT_VARIABLE includes)
		list(JOIN includes "" includes)
		file(CONFIGURE OUTPUT ${unit}.c CONTENT "${includes}" @ONLY)
		list(TRANSFORM arg_${kind} PREPEND src/)
		add_custom_command(OUTPUT ${unit}.o
			COMMAND ${wasm_compile} ${level_${kind}}
				-include ${wasm_dir}/names.h -MD -MF ${unit}.d
				-c ${unit}.c -o ${unit}.o
			DEPENDS ${unit}.c ${arg_${kind}}
			DEPFILE ${unit}.d
			COMMENT "Compiling ${name}.wasm (${kind})"
			VERBATIM)
		list(APPEND objects ${unit}.o)
	endforeach()
	set(exports)
	foreach(function ${arg_EXPORTS} ${arg_JAVASCRIPT})
		lshm_wasm_name(name_of ${function})
		list(APPEND exports --export=${name_of})
		if(function IN_LIST arg_JAVASCRIPT)
			list(APPEND wasm_names ${function}=${name_of})
		endif()
	endforeach()
	set(module ${wasm_dir}/${name}.wasm)
	add_custom_command(OUTPUT ${module}
		COMMAND ${wasm_link} ${exports} ${objects} -o ${module}
		COMMAND ${LSHM_WASM_OPT} ${wasm_optimise} ${module} -o ${module}
		DEPENDS ${objects} cmake/wasm-modules.cmake
		COMMENT "Linking ${name}.wasm"
		VERBATIM)
	set(wasm_objects ${wasm_objects} ${objects} PARENT_SCOPE)
	set(wasm_modules ${wasm_modules} ${module} PARENT_SCOPE)
	set(wasm_functions ${wasm_functions} PARENT_SCOPE)
	set(wasm_names ${wasm_names} PARENT_SCOPE)
endfunction()

include(cmake/wasm-modules.cmake)

set(names "")
foreach(function ${wasm_functions})
	lshm_wasm_name(name_of ${function})
	string(APPEND names "#define ${function} ${name_of}\n")
endforeach()
file(CONFIGURE OUTPUT ${wasm_dir}/names.h CONTENT "${names}" @ONLY)

# index.js: the hand-written source with the modules, the error table and the
# version put in. index.d.ts: its types, from JSDoc.
list(TRANSFORM wasm_objects PREPEND --object= OUTPUT_VARIABLE embed_objects)
list(TRANSFORM wasm_modules PREPEND --module= OUTPUT_VARIABLE embed_modules)
list(TRANSFORM wasm_names PREPEND --name= OUTPUT_VARIABLE embed_names)
set(tsc ${CMAKE_CURRENT_SOURCE_DIR}/node_modules/typescript/bin/tsc)
add_custom_command(OUTPUT ${CMAKE_CURRENT_SOURCE_DIR}/index.js
	COMMAND ${LSHM_NODE} tools/embed.js --source js/index.js
		--errors include/lshm_errors.h --package package.json --out index.js
		${embed_names} ${embed_objects} ${embed_modules}
	WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
	DEPENDS ${wasm_objects} ${wasm_modules} js/index.js include/lshm_errors.h
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
