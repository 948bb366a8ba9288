/** The enumerations of an asset that more than one route takes, in the order of the database's types. */
import { assetStatuses, deviceCategories } from '../register/words.ts'
import { oneOf } from './field-kinds.ts'

export const criticalities = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'] as const

export const status = oneOf(...assetStatuses)
export const category = oneOf(...deviceCategories)
export const criticality = oneOf(...criticalities)
export const severity = oneOf('INFO', 'WARNING', 'ERROR', 'CRITICAL')
export const depreciationMethod = oneOf(
  'STRAIGHT_LINE',
  'DECLINING_BALANCE',
  'DOUBLE_DECLINING',
  'UNITS_OF_PRODUCTION',
  'SUM_OF_YEARS_DIGITS',
)
export const trackingMethod = oneOf('RFID', 'BLE', 'QR', 'GPS', 'MANUAL', 'NFC', 'UWB', 'WIFI')
export const pmCompliance = oneOf('COMPLIANT', 'GRACE_PERIOD', 'OVERDUE', 'CRITICAL')
export const failureCategory = oneOf(
  'ELECTRICAL',
  'MECHANICAL',
  'SOFTWARE',
  'HYDRAULIC',
  'PNEUMATIC',
  'SENSOR',
  'CALIBRATION',
  'USER_ERROR',
  'UNKNOWN',
)
