-- When several objects share one spectrum, which one is kept, and how far apart are they?  For each group of the
-- default version's first duplicate step: its size, the nearest object, and whether the nearest is the one that is kept.
--   galaxiesml sql --file sql/analyses/who_loses_a_duplicate.sql
with members as (
    select
        duplicates.group_key,
        duplicates.group_size,
        duplicates.stays,
        int_pairs.isprimary,
        int_pairs.match_distance_arcsec,
        rank() over (partition by duplicates.group_key order by int_pairs.match_distance_arcsec) as nearness
    from duplicates
    inner join int_pairs on duplicates.pair_id = int_pairs.pair_id
    where duplicates.version = 'v2' and duplicates.cut = 'unique_spectrum'
)

select
    group_size,
    count(distinct group_key) as groups,
    count(case when stays and nearness = 1 then 1 end) as the_nearest_stays,
    count(case when stays and isprimary then 1 end) as a_primary_detection_stays
from members
group by group_size
order by group_size
