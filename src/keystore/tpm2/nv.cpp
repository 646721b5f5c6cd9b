#include "keystore/tpm2/nv.h"

#include "keystore/tpm2/device_tss2.h"

namespace berth::keystore::tpm2 {

namespace {

constexpr size_t most_in_an_index = 2048;
constexpr size_t most_in_a_command = 1024;  // MAX_NV_BUFFER_SIZE; real chips have 768 to 1024

error about_index(error e, uint32_t index) {
    if (e.is("handle_not_found")) {
        e.name = "nv_not_found";
        e.message = "The TPM has no NV index " + handle_text(index) + ".";
    }
    return std::move(e).with("index", handle_text(index));
}

result<void> check_nv(TSS2_RC rc, std::string_view doing, uint32_t index) {
    if (rc != TSS2_RC_SUCCESS) {
        return fail(about_index(response_error(rc, std::string(doing) + " the NV index " + handle_text(index)), index));
    }
    return {};
}

// The ESYS object of an index; dropped at the end.
class nv_handle {
public:
    static result<nv_handle> open(const device_ptr& in, uint32_t index) {
        const hold esys(*in);
        ESYS_TR found = ESYS_TR_NONE;
        BERTH_CHECK(check_nv(tss().Esys_TR_FromTPMPublic(esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &found),
                             "opening", index));
        return nv_handle(in, found);
    }
    nv_handle(nv_handle&& other) noexcept : owner_(std::move(other.owner_)), esys_(other.esys_) { other.owner_.reset(); }
    nv_handle& operator=(nv_handle&&) = delete;
    nv_handle(const nv_handle&) = delete;
    nv_handle& operator=(const nv_handle&) = delete;
    ~nv_handle() {
        if (owner_ && esys_ != ESYS_TR_NONE) {
            const hold esys(*owner_);
            tss().Esys_TR_Close(esys, &esys_);
        }
    }
    ESYS_TR esys() const noexcept { return esys_; }
    // The TPM has deleted it, and ESAPI its object.
    void forget() noexcept { esys_ = ESYS_TR_NONE; }

private:
    nv_handle(device_ptr owner, ESYS_TR esys) : owner_(std::move(owner)), esys_(esys) {}
    device_ptr owner_;
    ESYS_TR esys_;
};

result<nv_index> look(const device_ptr& in, const nv_handle& at, uint32_t index) {
    const hold esys(*in);
    esys_out<TPM2B_NV_PUBLIC> area;
    esys_out<TPM2B_NAME> name;
    BERTH_CHECK(
        check_nv(tss().Esys_NV_ReadPublic(esys, at.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, area.slot(), name.slot()),
                 "looking at", index));
    return nv_index{index, area->nvPublic.attributes, area->nvPublic.dataSize};
}

// Whose authorization reads or writes: the index's own (empty) one where that is enough, so that no hierarchy's is needed.
ESYS_TR reader_of(const nv_index& what, const nv_handle& at) {
    return (what.attributes & nv_auth_read) != 0    ? at.esys()
           : (what.attributes & nv_owner_read) != 0 ? ESYS_TR_RH_OWNER
                                                    : ESYS_TR_RH_PLATFORM;
}

ESYS_TR writer_of(const nv_index& what, const nv_handle& at) {
    return (what.attributes & nv_platform_write) != 0 ? ESYS_TR_RH_PLATFORM
           : (what.attributes & nv_owner_write) != 0  ? ESYS_TR_RH_OWNER
                                                      : at.esys();
}

constexpr uint32_t nv_kind = 0xf0;  // TPMA_NV: TPM_NT

error not_counter(uint32_t index) {
    return error{error_category::usage, "nv_not_counter",
                 "The NV index " + handle_text(index) + " of the TPM is no counter; `berth firmware counter` makes one."}
        .with("index", handle_text(index));
}

ESYS_TR creator_of(uint32_t attributes) {
    return (attributes & nv_platform_create) != 0 ? ESYS_TR_RH_PLATFORM : ESYS_TR_RH_OWNER;
}

}  // namespace

result<nv_index> nv_look(const device_ptr& in, uint32_t index) {
    const hold esys(*in);
    BERTH_TRY(at, nv_handle::open(in, index));
    return look(in, at, index);
}

result<bytes> nv_read(const device_ptr& in, uint32_t index) {
    const hold esys(*in);
    BERTH_TRY(at, nv_handle::open(in, index));
    BERTH_TRY(what, look(in, at, index));
    bytes out;
    while (out.size() < what.size) {
        const auto wanted = static_cast<UINT16>(std::min<size_t>(most_in_a_command, what.size - out.size()));
        esys_out<TPM2B_MAX_NV_BUFFER> some;
        BERTH_CHECK(check_nv(tss().Esys_NV_Read(esys, reader_of(what, at), at.esys(), ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                                ESYS_TR_NONE, wanted, static_cast<UINT16>(out.size()), some.slot()),
                             "reading", index));
        if (some->size == 0) {
            return fail(error_category::environment, "tpm_failed", "The TPM reads nothing where there should be something.");
        }
        append(out, {some->buffer, some->size});
    }
    return out;
}

result<void> nv_define(const device_ptr& in, const nv_index& what) {
    const hold esys(*in);
    TPM2B_NV_PUBLIC area{};
    area.nvPublic.nvIndex = what.index;
    area.nvPublic.nameAlg = TPM2_ALG_SHA256;
    area.nvPublic.attributes = what.attributes;
    area.nvPublic.dataSize = what.size;
    const TPM2B_AUTH no_auth{};
    ESYS_TR made = ESYS_TR_NONE;
    BERTH_CHECK(check_nv(tss().Esys_NV_DefineSpace(esys, creator_of(what.attributes), ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                                   ESYS_TR_NONE, &no_auth, &area, &made),
                         "defining", what.index));
    tss().Esys_TR_Close(esys, &made);
    return {};
}

result<void> nv_undefine(const device_ptr& in, uint32_t index) {
    const hold esys(*in);
    BERTH_TRY(at, nv_handle::open(in, index));
    BERTH_TRY(what, look(in, at, index));
    BERTH_CHECK(check_nv(
        tss().Esys_NV_UndefineSpace(esys, creator_of(what.attributes), at.esys(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
        "deleting", index));
    at.forget();
    return {};
}

result<void> nv_write(const device_ptr& in, uint32_t index, bytes_view data) {
    const hold esys(*in);
    BERTH_TRY(at, nv_handle::open(in, index));
    BERTH_TRY(what, look(in, at, index));
    for (size_t done = 0; done < data.size();) {
        TPM2B_MAX_NV_BUFFER some{};
        const bytes_view piece = data.subspan(done, std::min(most_in_a_command, data.size() - done));
        fill(some.size, some.buffer, piece);
        BERTH_CHECK(check_nv(tss().Esys_NV_Write(esys, writer_of(what, at), at.esys(), ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                                 ESYS_TR_NONE, &some, static_cast<UINT16>(done)),
                             "writing", index));
        done += piece.size();
    }
    return {};
}

result<void> nv_define_counter(const device_ptr& in, uint32_t index) {
    const hold esys(*in);
    constexpr uint32_t who = nv_counter | nv_owner_write | nv_auth_write | nv_owner_read | nv_auth_read | nv_no_da;
    BERTH_CHECK(nv_define(in, {index, who, sizeof(uint64_t)}));
    auto begun = nv_increment(in, index);
    if (!begun) {
        static_cast<void>(nv_undefine(in, index));
    }
    return begun;
}

result<void> nv_increment(const device_ptr& in, uint32_t index) {
    const hold esys(*in);
    BERTH_TRY(at, nv_handle::open(in, index));
    BERTH_TRY(what, look(in, at, index));
    if ((what.attributes & nv_kind) != nv_counter) {
        return fail(not_counter(index));
    }
    return check_nv(tss().Esys_NV_Increment(esys, writer_of(what, at), at.esys(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
                    "raising", index);
}

result<uint64_t> nv_read_counter(const device_ptr& in, uint32_t index) {
    const hold esys(*in);
    BERTH_TRY(what, nv_look(in, index));
    if ((what.attributes & nv_kind) != nv_counter) {
        return fail(not_counter(index));
    }
    BERTH_TRY(octets, nv_read(in, index));
    uint64_t out = 0;
    for (const uint8_t octet : octets) {
        out = out << 8U | octet;
    }
    return out;
}

result<void> nv_lock(const device_ptr& in, uint32_t index) {
    const hold esys(*in);
    BERTH_TRY(at, nv_handle::open(in, index));
    BERTH_TRY(what, look(in, at, index));
    return check_nv(tss().Esys_NV_WriteLock(esys, writer_of(what, at), at.esys(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
                    "locking", index);
}

result<void> store_certificate(const device_ptr& in, uint32_t index, bytes_view der, uint32_t attributes) {
    if (der.size() > most_in_an_index) {
        return fail(error{error_category::usage, "certificate_too_large",
                          "The certificate has " + std::to_string(der.size()) + " octets, and an NV index of a TPM holds " +
                              std::to_string(most_in_an_index) + ". Keep it on disk; post-quantum certificates never fit."}
                        .with("index", handle_text(index)));
    }
    const hold esys(*in);
    BERTH_CHECK(nv_define(in, {index, attributes, static_cast<uint16_t>(der.size())}));
    const auto filled = [&]() -> result<void> {
        BERTH_CHECK(nv_write(in, index, der));
        BERTH_TRY(again, nv_read(in, index));
        if (!same_octets(again, der)) {
            return fail(error_category::environment, "tpm_failed", "The TPM gives back another certificate than was written.");
        }
        return (attributes & nv_write_define) != 0 ? nv_lock(in, index) : result<void>{};
    }();
    if (!filled) {
        // Half a certificate must not stand where the next attempt, or the device, finds it.
        static_cast<void>(nv_undefine(in, index));
    }
    return filled;
}

result<bytes> read_certificate(const device_ptr& in, uint32_t index) {
    BERTH_TRY(all, nv_read(in, index));
    const auto no_certificate = [&] {
        return fail(error{error_category::environment, "bad_certificate",
                          "The NV index " + handle_text(index) + " of the TPM holds something that is no certificate."}
                        .with("index", handle_text(index)));
    };
    // SEQUENCE with a length of two octets: no certificate is shorter than 256 octets or longer than an index.
    if (all.size() < 4 || all[0] != 0x30 || all[1] != 0x82) {
        return no_certificate();
    }
    const size_t size = 4U + (static_cast<size_t>(all[2]) << 8U | all[3]);
    if (size > all.size()) {
        return no_certificate();
    }
    all.resize(size);
    return all;
}

}  // namespace berth::keystore::tpm2
