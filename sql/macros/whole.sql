{#- A double in whole parts, so many to one: sums of whole numbers are the same in any order, on any engine, as sums of
    doubles are not.  NULL where it is too large for them, infinite or NaN (above every number in SQL). -#}
{%- macro whole(value, parts) -%}
case when abs({{ value }}) < 9e18 / {{ parts }} then cast(round({{ parts }} * ({{ value }})) as bigint) end
{%- endmacro -%}
