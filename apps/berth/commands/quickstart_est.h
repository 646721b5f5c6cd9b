// quickstart's EST server: berthd with [est] over the customer's CA, a certificate for it, and a device that is to keep one.
#pragma once

#include "common/process.h"
#include "net/address.h"
#include "scene/world.h"

namespace berth::app {

struct quick_est {
    child_process server;
    net::address at;
    std::filesystem::path config;  // its berthd.toml
};

// Below `directory`: server.pem, server.key, berthd.toml; beside the customer's CA ca.toml and ca.db. Errors of files;
// `daemon_failed` with what it said.
result<quick_est> start_quick_est(const std::filesystem::path& directory, const world_customer& customer,
                                  crypto::signature_algorithm algorithm, const clock& time, random_source& random);
// BUNDLE/est.toml: a short-lived certificate from there, once the device is onboarded.
result<void> have_kept(const std::filesystem::path& bundle, const quick_est& from, const std::string& algorithm);

}  // namespace berth::app
