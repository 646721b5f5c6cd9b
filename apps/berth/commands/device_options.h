// What one says of devices that are to be made, one or many.
#pragma once

#include "berth/commands/commands.h"
#include "setup/factory.h"

#include <array>

namespace berth::app {

struct device_options {
    device_order order;
    std::string factory, masa, backend = "software", kem = "mlkem768_p256", signature = "p256", passphrase_file,
                               bundle_passphrase_file;
    std::vector<std::string> credentials, tpm_makers;

    // Those that an order says in their place.
    static constexpr std::array of_an_order{"--model",  "--firmware",   "--backend",           "--p3",           "--p3-sig",
                                            "--kem",    "--signature",  "--registrar",         "--masa-address", "--discovery",
                                            "--direct", "--credential", "--pending-jitter-ms", "--quote-pcrs"};
    void add_to(CLI::App& command);
    // The order with all that was said. Errors of files; `unknown_backend`, `unknown_algorithm`, `bad_credential`.
    [[nodiscard]] result<device_order> read() const;
};

}  // namespace berth::app
