# What `make install` puts where. Where OpenSSL came from bootstrap's cache, its two libraries go along, into a folder that
# only our programs look into: what is installed depends on nobody's home directory.
include(GNUInstallDirs)
if(BERTH_OPENSSL_LIBDIR)
    set(private_libraries ${CMAKE_INSTALL_LIBDIR}/berth)
    install(FILES ${BERTH_OPENSSL_LIBDIR}/libcrypto.so.3 ${BERTH_OPENSSL_LIBDIR}/libssl.so.3
            DESTINATION ${private_libraries} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    set_target_properties(berth berthd berth-agent stsafe-sim PROPERTIES INSTALL_RPATH "$ORIGIN/../${private_libraries}")
    set_target_properties(berth-identity PROPERTIES INSTALL_RPATH "$ORIGIN/berth")
    set_target_properties(berth-broker-plugin PROPERTIES INSTALL_RPATH "$ORIGIN")
endif()
install(TARGETS berth-identity
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} PUBLIC_HEADER DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS berth berthd berth-agent stsafe-sim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Beside the OpenSSL that the broker is to run on, where that is ours.
install(TARGETS berth-broker-plugin berth-broker-tap LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/berth)
foreach(unit berthd@.service berth-agent.service berth-identity.service)
    configure_file(${CMAKE_CURRENT_SOURCE_DIR}/packaging/systemd/${unit}.in ${CMAKE_CURRENT_BINARY_DIR}/${unit} @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${unit} DESTINATION lib/systemd/system)
endforeach()
# As they lie in the source tree, so that the links from one to another lead somewhere: tests/scripts/install follows them.
install(FILES LICENSE README.md ARCHITECTURE.md CONTRIBUTING.md SECURITY.md THREAT-MODEL.md CHANGELOG.md
        DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT docs)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT docs FILES_MATCHING PATTERN "*.md")
# The user that berthd@.service runs as, and its directory of configurations.
install(FILES packaging/sysusers.d/berth.conf DESTINATION lib/sysusers.d)
install(FILES packaging/tmpfiles.d/berth.conf DESTINATION lib/tmpfiles.d)
