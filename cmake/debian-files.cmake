# What Debian wants besides, or otherwise than `make install` does it: a copyright
# file, a changelog, compressed manual pages. cpack runs this on its copy.

file(GLOB licenses ${CPACK_TEMPORARY_DIRECTORY}/usr/share/doc/*/LICENSE)
get_filename_component(doc "${licenses}" DIRECTORY)
set(man ${doc}/../../man)
file(RENAME ${licenses} ${doc}/copyright)

set(ENV{LC_ALL} C)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${doc}/changelog
"${CPACK_PACKAGE_NAME} (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium

  * Built from the project's own sources, by its own build.

 -- ${CPACK_PACKAGE_CONTACT}  ${date}
")

file(GLOB files ${doc}/changelog ${man}/man*/*.[0-9])
execute_process(COMMAND gzip -9n ${files} COMMAND_ERROR_IS_FATAL ANY)
