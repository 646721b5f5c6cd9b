#include "keystore/tpm2/object.h"

#include "keystore/tpm2/session_tss2.h"

namespace berth::keystore::tpm2 {

namespace {

constexpr uint32_t first_platform_handle = 0x81800000;
constexpr uint32_t storage_root_handle = 0x81000001;

// The same refusal of the TPM, told as what it means for keys.
error about_key(error e, uint32_t handle) {
    if (e.is("handle_not_found")) {
        e.name = "key_not_found";
        e.message =
            "There is no key at " + handle_text(handle) +
            " of the TPM. Was it cleared since the key was made (berth device recover), or is this another machine's name "
            "for it?";
    } else if (e.is("nv_exists")) {
        e.message = "The persistent handle " + handle_text(handle) +
                    " of the TPM is taken. Choose another one, or evict what is there if nobody needs it.";
    }
    return std::move(e).with("handle", handle_text(handle));
}

hierarchy persistent_under(uint32_t handle) {
    return handle >= first_platform_handle ? hierarchy::platform : hierarchy::owner;
}

error too_long() {
    return {error_category::usage, "too_large", "This is more than a TPM can seal (128 octets)."};
}

}  // namespace

object::object(device_ptr owner, uint32_t esys, bool transient, attestation::public_area area) noexcept
    : owner_(std::move(owner)), esys_(esys), transient_(transient), area_(std::move(area)) {}

object::object(object&& other) noexcept
    : owner_(std::move(other.owner_)), esys_(other.esys_), transient_(other.transient_), area_(std::move(other.area_)) {
    other.owner_.reset();
}

object& object::operator=(object&& other) noexcept {
    if (this != &other) {
        release();
        owner_ = std::move(other.owner_);
        other.owner_.reset();
        esys_ = other.esys_;
        transient_ = other.transient_;
        area_ = std::move(other.area_);
    }
    return *this;
}

object::~object() {
    release();
}

void object::release() noexcept {
    if (!owner_) {
        return;
    }
    const hold esys(*owner_);
    ESYS_TR handle = esys_;
    if (transient_) {
        // A flush that fails (the TPM is gone) leaves nothing to do.
        if (tss().Esys_FlushContext(esys, handle) != TSS2_RC_SUCCESS) {
            tss().Esys_TR_Close(esys, &handle);
        }
    } else {
        auto& open = owner_->get().persistent;
        const auto mine = std::ranges::find_if(open, [this](const auto& one) { return one.second.esys == esys_; });
        if (mine != open.end() && --mine->second.holders == 0) {
            open.erase(mine);
            tss().Esys_TR_Close(esys, &handle);
        }
    }
    owner_.reset();
}

result<object> create_primary(const device_ptr& in, hierarchy under, const attestation::public_area& as) {
    const hold esys(*in);
    BERTH_TRY(wanted, to_tss(as));
    const TPM2B_SENSITIVE_CREATE sensitive{};
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION no_registers{};
    ESYS_TR made = ESYS_TR_NONE;
    esys_out<TPM2B_PUBLIC> area;
    esys_out<TPM2B_CREATION_DATA> data;
    esys_out<TPM2B_DIGEST> hash;
    esys_out<TPMT_TK_CREATION> ticket;
    BERTH_CHECK(check(tss().Esys_CreatePrimary(esys, esys_handle(under), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                                               &wanted, &outside, &no_registers, &made, area.slot(), data.slot(), hash.slot(),
                                               ticket.slot()),
                      "making a primary key"));
    // Its owner from here on, so that it is flushed if its public area is not understood.
    object out(in, made, true, {});
    BERTH_TRY(is, from_tss(*area));
    out.area_ = std::move(is);
    return out;
}

namespace {

// ESAPI's object of a persistent handle, whose Name it asks the TPM for once.
result<ESYS_TR> share_handle(device& in, uint32_t handle, const std::string& doing) {
    const hold esys(in);
    auto& open = in.get().persistent;
    if (const auto there = open.find(handle); there != open.end()) {
        ++there->second.holders;
        return there->second.esys;
    }
    ESYS_TR found = ESYS_TR_NONE;
    const TSS2_RC rc = tss().Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &found);
    if (rc != TSS2_RC_SUCCESS) {
        return fail(about_key(response_error(rc, doing), handle));
    }
    open[handle] = {found, 1};
    return found;
}

// Whether the TPM has an object at a persistent handle, whatever ESAPI remembers of it.
bool is_taken(ESYS_CONTEXT* esys, uint32_t handle) {
    ESYS_TR found = ESYS_TR_NONE;
    const bool there =
        tss().Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &found) == TSS2_RC_SUCCESS;
    if (there) {
        tss().Esys_TR_Close(esys, &found);
    }
    return there;
}

error key_changed(uint32_t handle) {
    return error{
        error_category::environment, "key_changed",
        "Another key is at " + handle_text(handle) +
            " of the TPM than the one that this process still uses; it was made anew meanwhile. Start again what uses the "
            "old one."}
        .with("handle", handle_text(handle));
}

bool is_named(ESYS_CONTEXT* esys, ESYS_TR object, const attestation::public_area& area) {
    esys_out<TPM2B_NAME> name;
    return tss().Esys_TR_GetName(esys, object, name.slot()) == TSS2_RC_SUCCESS &&
           same_octets({name->name, name->size}, area.name());
}

}  // namespace

result<object> open_persistent(const device_ptr& in, uint32_t handle) {
    const hold esys(*in);
    const std::string doing = "opening " + handle_text(handle);
    BERTH_TRY(found, share_handle(*in, handle, doing));
    object out(in, found, false, {});
    esys_out<TPM2B_PUBLIC> area;
    esys_out<TPM2B_NAME> name;
    esys_out<TPM2B_NAME> qualified;
    const TSS2_RC rc =
        tss().Esys_ReadPublic(esys, found, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, area.slot(), name.slot(), qualified.slot());
    const bool is_shared = in->get().persistent[handle].holders > 1;
    if (rc != TSS2_RC_SUCCESS) {
        error why = response_error(rc, doing);
        // Somebody here still holds the key that was there before, which ESAPI 4 has forgotten.
        return fail(is_shared && why.is("handle_not_found") && is_taken(esys, handle) ? key_changed(handle)
                                                                                      : about_key(std::move(why), handle));
    }
    BERTH_TRY(is, from_tss(*area));
    // The same, as ESAPI 3 tells it.
    if (is_shared && !is_named(esys, found, is)) {
        return fail(key_changed(handle));
    }
    // The TPM was asked twice, and sessions are salted with the first answer: somebody on the bus could have given two.
    if (!is_named(esys, found, is)) {
        return fail(error_category::environment, "tpm_failed", doing + ": The TPM gave two different keys for one handle.");
    }
    out.area_ = std::move(is);
    return out;
}

result<void> make_persistent(const object& what, uint32_t handle) {
    const hold esys(*what.owner());
    ESYS_TR made = ESYS_TR_NONE;
    const TSS2_RC rc = tss().Esys_EvictControl(esys, esys_handle(persistent_under(handle)), what.esys(), ESYS_TR_PASSWORD,
                                               ESYS_TR_NONE, ESYS_TR_NONE, handle, &made);
    if (rc != TSS2_RC_SUCCESS) {
        return fail(about_key(response_error(rc, "keeping a key at " + handle_text(handle)), handle));
    }
    tss().Esys_TR_Close(esys, &made);
    return {};
}

result<void> evict(const device_ptr& in, uint32_t handle) {
    const hold esys(*in);
    BERTH_TRY(there, open_persistent(in, handle));
    ESYS_TR none = ESYS_TR_NONE;
    const TSS2_RC rc = tss().Esys_EvictControl(esys, esys_handle(persistent_under(handle)), there.esys(), ESYS_TR_PASSWORD,
                                               ESYS_TR_NONE, ESYS_TR_NONE, handle, &none);
    if (rc != TSS2_RC_SUCCESS) {
        return fail(about_key(response_error(rc, "evicting " + handle_text(handle)), handle));
    }
    return {};
}

result<std::vector<uint32_t>> persistent_handles(const device_ptr& in) {
    const hold esys(*in);
    std::vector<uint32_t> out;
    TPMI_YES_NO more = TPM2_YES;
    UINT32 from = TPM2_PERSISTENT_FIRST;
    while (more == TPM2_YES) {
        esys_out<TPMS_CAPABILITY_DATA> some;
        BERTH_CHECK(check(tss().Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, from,
                                                   TPM2_MAX_CAP_HANDLES, &more, some.slot()),
                          "listing the TPM's persistent handles"));
        const TPML_HANDLE& list = some->data.handles;
        out.insert(out.end(), list.handle, list.handle + list.count);
        if (list.count == 0) {
            break;
        }
        from = out.back() + 1;
    }
    return out;
}

result<wrapped_object> create_child(const object& parent, const attestation::public_area& as, const secret_bytes& data) {
    const hold esys(*parent.owner());
    BERTH_TRY(wanted, to_tss(as));
    TPM2B_SENSITIVE_CREATE sensitive{};
    if (!fill(sensitive.sensitive.data.size, sensitive.sensitive.data.buffer, data.reveal())) {
        return fail(too_long());
    }
    // The bus between processor and TPM can be listened to: what goes in and comes out is encrypted for the parent.
    BERTH_TRY(auth, session::start(parent.owner(), TPM2_SE_HMAC, parent.esys(), TPMA_SESSION_DECRYPT));
    const TPM2B_DATA outside{};
    const TPML_PCR_SELECTION no_registers{};
    esys_out<TPM2B_PRIVATE> private_part;
    esys_out<TPM2B_PUBLIC> area;
    esys_out<TPM2B_CREATION_DATA> creation;
    esys_out<TPM2B_DIGEST> hash;
    esys_out<TPMT_TK_CREATION> ticket;
    const TSS2_RC rc =
        tss().Esys_Create(esys, parent.esys(), auth.esys(), ESYS_TR_NONE, ESYS_TR_NONE, &sensitive, &wanted, &outside,
                          &no_registers, private_part.slot(), area.slot(), creation.slot(), hash.slot(), ticket.slot());
    explicit_bzero(&sensitive, sizeof(sensitive));
    if (rc != TSS2_RC_SUCCESS) {
        error e = response_error(rc, "making an object in the TPM");
        const bool size = (rc & 0xbfU) == TPM2_RC_SIZE;
        return fail(size && !data.empty() ? too_long() : std::move(e));
    }
    BERTH_TRY(is, from_tss(*area));
    return wrapped_object{std::move(is), {private_part->buffer, private_part->buffer + private_part->size}};
}

result<object> load(const object& parent, const wrapped_object& what) {
    const hold esys(*parent.owner());
    BERTH_TRY(area, to_tss(what.area));
    TPM2B_PRIVATE private_part{};
    if (!fill(private_part.size, private_part.buffer, what.private_part)) {
        return fail(attestation::malformed("wrapped object", "it is too long."));
    }
    ESYS_TR loaded = ESYS_TR_NONE;
    BERTH_CHECK(
        check(tss().Esys_Load(esys, parent.esys(), ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private_part, &area, &loaded),
              "loading an object into the TPM"));
    return object(parent.owner(), loaded, true, what.area);
}

attestation::public_area storage_root_template() {
    using namespace attestation;
    // TCG TPM v2.0 Provisioning Guidance, 7.5.1: the EK's template with a use by authorization value, and without a policy.
    public_area out;
    out.attributes = fixed_tpm | fixed_parent | sensitive_data_origin | user_with_auth | no_da | restricted | decrypt;
    out.aes_bits = 128;
    out.curve = tpm_curve::p256;
    return out;
}

result<storage_root> open_storage_root(const device_ptr& in) {
    auto there = open_persistent(in, storage_root_handle);
    if (there && there->area().has(attestation::restricted | attestation::decrypt | attestation::user_with_auth)) {
        return storage_root{std::move(*there), storage_root_handle};
    }
    if (!there && !there.error().is("key_not_found")) {
        return fail(std::move(there).error());
    }
    BERTH_TRY(made, storage_root_at(in, 0));
    return storage_root{std::move(made), 0};
}

result<object> storage_root_at(const device_ptr& in, uint32_t handle) {
    return handle != 0 ? open_persistent(in, handle) : create_primary(in, hierarchy::owner, storage_root_template());
}

}  // namespace berth::keystore::tpm2
