-- Whether a promotion is active, as `Promotion::is_active` decides it.
(
    promotions.unlinked_on IS NULL
    AND EXISTS (
        SELECT 1 FROM promotion_codes
        WHERE promotion_codes.org_id = $org
            AND promotion_codes.mode = promotions.mode
            AND promotion_codes.folded = promotions.folded
            AND promotion_codes.revoked_on IS NULL
    )
    AND EXISTS (
        SELECT 1 FROM campaigns
        WHERE campaigns.org_id = $org
            AND campaigns.id = promotions.campaign_id
            AND campaigns.active
            AND campaigns.valid_till >= $now
            AND (
                campaigns.valid_for_days IS NULL
                -- Milliseconds in a day.
                OR promotions.created_on + CAST(campaigns.valid_for_days AS BIGINT) * 86400000 >= $now
            )
    )
)
