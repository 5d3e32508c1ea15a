# What the library and the command need, as cpack starts: they are built then.

if(CPACK_GENERATOR STREQUAL DEB)
	file(GLOB binaries ${CPACK_LSHM_BUILD}/liblshm.so ${CPACK_LSHM_BUILD}/cli/lshm)
	list(TRANSFORM binaries PREPEND -e)
	execute_process(
		COMMAND dpkg-shlibdeps -O -xlshm ${binaries}
		WORKING_DIRECTORY ${CPACK_LSHM_BUILD}
		RESULT_VARIABLE failed
		OUTPUT_VARIABLE depends OUTPUT_STRIP_TRAILING_WHITESPACE
		ERROR_VARIABLE told)
	if(failed) # it warns, too, that the files are not yet where they will be
		message(FATAL_ERROR "dpkg-shlibdeps: ${told}")
	endif()
	string(REGEX REPLACE "^shlibs:Depends=" "" CPACK_DEBIAN_PACKAGE_DEPENDS
		"${depends}")
endif()
