/** The rows the migration guide names, with exactly its values, and the ids the demo hospital hangs on them. */

/** A row by its columns; what is left out gets the table's default. */
export type Row = Readonly<Record<string, unknown>>

export const organizationId = 'org-demo-001'
export const adminUsername = 'admin'
export const guideVendorCode = 'GE001'

export const organization: Row = { id: organizationId, name: 'Demo Health System', type: 'hospital' }

export const admin: Row = {
  id: 'user-demo-admin',
  organization_id: organizationId,
  username: adminUsername,
  email: 'admin@biotrakr.com',
  first_name: 'System',
  last_name: 'Administrator',
  role: 'ADMIN',
  is_active: true,
}

export const guideVendor: Row = {
  id: 'vendor-demo-ge001',
  vendor_code: guideVendorCode,
  vendor_name: 'GE Healthcare',
  vendor_type: 'MANUFACTURER',
  email: 'support@gehealthcare.com',
  is_active: true,
}

export const guideAsset = (
  facilityId: string,
  departmentId: string,
  adminId: string,
  vendorId: string,
): Row => ({
  id: 'asset-demo-bme-2024-001',
  organization_id: organizationId,
  asset_tag_number: 'BME-2024-001',
  equipment_name: 'GE Optima MR360',
  manufacturer: 'General Electric',
  model_number: 'Optima MR360 1.5T',
  serial_number: 'SN123456789',
  device_category: 'IMAGING',
  asset_status: 'ACTIVE',
  criticality_level: 'CRITICAL',
  risk_classification: 'CLASS_II',
  purchase_date: '2024-01-15',
  purchase_cost: 1_500_000,
  useful_life_years: 10,
  depreciation_method: 'STRAIGHT_LINE',
  current_facility_id: facilityId,
  primary_custodian_id: adminId,
  custodian_department_id: departmentId,
  vendor_id: vendorId,
  created_by_id: adminId,
  updated_by_id: adminId,
})
