// Makes every TableCanvas a table to assistive technology.
#pragma once

namespace microtome {

/// Registers the factory once; called by every canvas.
void install_accessible_tables();

}  // namespace microtome
