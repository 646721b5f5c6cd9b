#include "keystore/tpm2/device.h"

#include "keystore/tpm2/device_tss2.h"

#include <cstdlib>
#include <map>

namespace berth::keystore::tpm2 {

namespace {

constexpr const char* default_tcti = "device:/dev/tpmrm0";
constexpr const char* which_tpm = " Which TPM is meant: ;tcti= in the key's name, --tcti where a command has it, else "
                                  "BERTH_TPM2_TCTI, else device:/dev/tpmrm0.";
// What tctildr says when none of the modules that it looks for by a name is installed.
constexpr TSS2_RC no_such_module = TSS2_TCTI_RC_NOT_SUPPORTED;

std::string chosen_tcti(std::string_view wanted) {
    if (!wanted.empty()) {
        return std::string(wanted);
    }
    const char* const named = std::getenv("BERTH_TPM2_TCTI");
    return named != nullptr && *named != '\0' ? named : default_tcti;
}

result<void> set_auth(device::impl& in, ESYS_TR who, const secret_bytes& value) {
    if (value.empty()) {
        return {};
    }
    TPM2B_AUTH auth{};
    if (!fill(auth.size, auth.buffer, value.reveal())) {
        return fail(error_category::usage, "tpm_auth_failed", "An authorization value is longer than any hash.");
    }
    const TSS2_RC rc = tss().Esys_TR_SetAuth(in.esys, who, &auth);
    explicit_bzero(&auth, sizeof(auth));
    return check(rc, "setting an authorization value");
}

// The marshalling functions' offset is in and out.
template <class T, class F>
result<bytes> marshalled(const T& value, F marshal) {
    bytes out(4096);
    size_t used = 0;
    BERTH_CHECK(check(marshal(&value, out.data(), out.size(), &used), "writing a TPM structure"));
    out.resize(used);
    return out;
}

template <class T, class F>
result<T> unmarshalled(bytes_view octets, F unmarshal) {
    T out{};
    size_t used = 0;
    BERTH_CHECK(check(unmarshal(octets.data(), octets.size(), &used, &out), "reading a TPM structure"));
    return out;
}

}  // namespace

device::device(std::unique_ptr<impl> i) : impl_(std::move(i)) {}

device::~device() {
    if (impl_->esys != nullptr) {
        tss().Esys_Finalize(&impl_->esys);
    }
    if (impl_->tcti != nullptr) {
        tss().Tss2_TctiLdr_Finalize(&impl_->tcti);
    }
}

result<std::shared_ptr<device>> device::open(const device_options& options) {
    BERTH_CHECK(tss2_library::load());
    auto out = std::make_shared<device>(std::make_unique<impl>());
    impl& in = out->get();
    in.name = chosen_tcti(options.tcti);
    const std::string doing = "opening the TPM " + in.name;
    // Whatever goes wrong before the first command is about the way to the TPM, whichever layer says so.
    const auto unavailable = [&](TSS2_RC rc) {
        error e = response_error(rc, doing);
        e.category = error_category::environment;
        if (rc == no_such_module) {
            e.message = doing + ": tpm2-tss has no way to a TPM that is called \"" + in.name.substr(0, in.name.find(':')) +
                        "\". Such a name is device:/dev/tpmrm0 or swtpm:path=SOCKET; device, swtpm, mssim, cmd and tabrmd are "
                        "modules, each in a package of its own (on Debian libtss2-tcti-NAME0).";
        } else if (!e.is("tpm_unavailable")) {
            e.message = doing + ": The TPM cannot be reached this way; its name is one of tpm2-tss, such as device:/dev/tpmrm0.";
        }
        e.name = "tpm_unavailable";
        if (rc != no_such_module && in.name.starts_with("swtpm:path=")) {
            e.message += " swtpm's control socket has to be beside the other one, with .ctrl behind its name.";
        }
        e.message += which_tpm;
        return fail(std::move(e).with("tcti", in.name));
    };
    if (const TSS2_RC rc = tss().Tss2_TctiLdr_Initialize(in.name.c_str(), &in.tcti); rc != TSS2_RC_SUCCESS) {
        return unavailable(rc);
    }
    if (const TSS2_RC rc = tss().Esys_Initialize(&in.esys, in.tcti, nullptr); rc != TSS2_RC_SUCCESS) {
        return unavailable(rc);
    }
    // Part 3, 9.3: a TPM that was started already says TPM_RC_INITIALIZE, and that is what is wanted.
    const TSS2_RC started = tss().Esys_Startup(in.esys, TPM2_SU_CLEAR);
    if (started != TSS2_RC_SUCCESS && (started & 0xfffU) != TPM2_RC_INITIALIZE) {
        return fail(response_error(started, doing).with("tcti", in.name));
    }
    BERTH_CHECK(set_auth(in, ESYS_TR_RH_OWNER, options.owner_auth));
    BERTH_CHECK(set_auth(in, ESYS_TR_RH_ENDORSEMENT, options.endorsement_auth));
    BERTH_CHECK(set_auth(in, ESYS_TR_RH_PLATFORM, options.platform_auth));
    return out;
}

result<std::shared_ptr<device>> device::shared(std::string_view tcti) {
    static std::mutex lock;
    static std::map<std::string, std::weak_ptr<device>> open_ones;
    const std::lock_guard guard(lock);
    const std::string name = chosen_tcti(tcti);
    if (auto there = open_ones[name].lock()) {
        return there;
    }
    device_options options;
    options.tcti = name;
    BERTH_TRY(made, open(options));
    open_ones[name] = made;
    return made;
}

const std::string& device::tcti() const noexcept {
    return impl_->name;
}

result<secret_bytes> device::random(size_t size) {
    const hold esys(*this);
    secret_bytes out;
    while (out.size() < size) {
        esys_out<TPM2B_DIGEST> some;
        const auto wanted = static_cast<UINT16>(std::min<size_t>(32, size - out.size()));
        BERTH_CHECK(check(tss().Esys_GetRandom(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, wanted, some.slot()),
                          "asking the TPM for random octets"));
        if (some->size == 0) {
            return fail(error_category::environment, "tpm_failed", "The TPM's generator gives nothing.");
        }
        out.append(view(*some));
    }
    return out;
}

std::string handle_text(uint32_t handle) {
    std::array<char, 16> text{};
    std::snprintf(text.data(), text.size(), "0x%08x", handle);
    return text.data();
}

result<TPM2B_PUBLIC> to_tss(const attestation::public_area& area) {
    BERTH_TRY(inner, unmarshalled<TPMT_PUBLIC>(area.encode(), tss().Tss2_MU_TPMT_PUBLIC_Unmarshal));
    TPM2B_PUBLIC out{};
    out.publicArea = inner;
    return out;
}

result<attestation::public_area> from_tss(const TPM2B_PUBLIC& area) {
    BERTH_TRY(octets, marshalled(area.publicArea, tss().Tss2_MU_TPMT_PUBLIC_Marshal));
    return attestation::public_area::parse(octets);
}

result<TPML_PCR_SELECTION> to_tss(const attestation::pcr_selection& selection) {
    return unmarshalled<TPML_PCR_SELECTION>(selection.encode(), tss().Tss2_MU_TPML_PCR_SELECTION_Unmarshal);
}

result<bytes> from_tss(const TPMT_SIGNATURE& signature) {
    return marshalled(signature, tss().Tss2_MU_TPMT_SIGNATURE_Marshal);
}

result<TPMT_SIGNATURE> signature_to_tss(bytes_view octets) {
    return unmarshalled<TPMT_SIGNATURE>(octets, tss().Tss2_MU_TPMT_SIGNATURE_Unmarshal);
}

}  // namespace berth::keystore::tpm2
