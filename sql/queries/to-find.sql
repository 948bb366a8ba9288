-- What is recalled or due, and where is it now?
SELECT e.asset_tag_number, e.reason, e.due_on, e.days_overdue, e.room_name, e.floor, e.last_seen, e.confidence
FROM rtls.equipment_to_find e
ORDER BY e.criticality_level, e.days_overdue DESC;
