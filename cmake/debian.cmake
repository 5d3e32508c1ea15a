# `cpack -G DEB`, in a build that was configured for /usr (make deb): one package
# with the library, its headers, the command and the manual pages.

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME lshm)
set(CPACK_PACKAGE_VENDOR LocalSharedMemory)
set(CPACK_PACKAGE_CONTACT
	"The LocalSharedMemory authors <maintainers@localsharedmemory.invalid>"
	CACHE STRING "who answers for the Debian package")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY
	"one heap that several processes and threads allocate from")
set(CPACK_PACKAGE_DESCRIPTION
"A heap in shared memory, in a file or in a descriptor's memory, in which all
threads of all processes that map it allocate and free at the same time. There
is no lock in it: a process that is killed stops nobody, and what it held comes
back. Heaps of WebAssembly memories, saved by JavaScript, open too.
.
This package has the C library lshm, shared and static, with what is needed to
develop with it, and the command lshm, which looks into heaps.")

set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# Which package programs that use the library need, and that the loader's cache
# is renewed. cpack could find this and the dependencies itself, but would then
# renew the cache by scripts, which Debian avoids: debian-depends.cmake.
set(control ${CMAKE_CURRENT_BINARY_DIR}/debian)
file(CONFIGURE OUTPUT ${control}/shlibs CONTENT
	"liblshm ${PROJECT_VERSION_MAJOR} lshm (>= ${PROJECT_VERSION})\n")
file(CONFIGURE OUTPUT ${control}/triggers CONTENT "activate-noawait ldconfig\n")
file(CONFIGURE OUTPUT ${control}/control CONTENT "")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${control}/shlibs ${control}/triggers)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_LIST_DIR}/debian-depends.cmake)
set(CPACK_LSHM_BUILD ${CMAKE_CURRENT_BINARY_DIR})
# Packages that have a part each can take over later.
set(CPACK_DEBIAN_PACKAGE_PROVIDES
	"liblshm${PROJECT_VERSION_MAJOR}, liblshm-dev")
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian-files.cmake)

include(CPack)
