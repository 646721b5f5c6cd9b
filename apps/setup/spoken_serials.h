// Serials that are spoken for though no record knows them yet: contract lines were ordered to make them, or lots of the factory's
// own are. Whoever gives a serial to a device asks here first.
//
//   FACTORY/orders/ID/order.json   setup/line_order.h
//   FACTORY/lots/HASH.json         serials, out: the lot that is made in that directory
#pragma once

#include "setup/lot.h"

namespace berth::app {

// Error `serial_ordered`: a line was ordered to make one of these, or a lot that is made in another directory than `own` is to.
result<void> require_not_spoken_for(const std::filesystem::path& factory, const serial_plan& serials,
                                    const std::filesystem::path& own = {});
// A lot of the factory's own is begun in `out`: nobody else is ordered to make its serials. Under lock_orders.
result<void> keep_lot(const std::filesystem::path& factory, const serial_plan& serials, const std::filesystem::path& out);

}  // namespace berth::app
